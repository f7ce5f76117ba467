"""Weights of classes and samples, whatever they were given as, in the dtype and on the device of the computation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from softlabel.labels.modes import may_look

Numbers = Tensor | Sequence[float] | NDArray[Any]
"""A tensor of any real dtype, numbers in a list or tuple, or a NumPy array."""


def class_weight(weight: Numbers, num_classes: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """One weight per class, (K,), which keeps the gradient of a tensor that asks for one.

    Raises ValueError for another shape and, where looking costs no wait, for the first weight that is negative or not
    finite; TypeError for what are no numbers.
    """
    given = real_numbers(weight, "weight")
    if given.shape != (num_classes,):
        raise ValueError(f"weight has shape {tuple(given.shape)}, expected one per class, ({num_classes},)")
    if given.is_meta and device.type != "meta":
        raise ValueError(f"weight is on the device meta, which holds no numbers; the logits are on {device}")
    ready = given.to(dtype)
    if may_look(ready) and num_classes:
        low, high = ready.detach().aminmax()
        if not (low.item() >= 0 and high.item() < math.inf):
            refuse_class_weight(ready)
    return ready.to(device)


def real_numbers(given: Numbers, name: str) -> Tensor:
    """The numbers as a tensor: a tensor stays what it is, all else becomes float64. Raises TypeError for others."""
    if isinstance(given, (list, tuple)) and any(isinstance(one, Tensor) for one in given):
        given = torch.stack([torch.as_tensor(one) for one in given])
    if isinstance(given, Tensor):
        if given.is_complex() or given.is_quantized:
            raise TypeError(f"{name} is {given.dtype}, expected real numbers")
        if given.layout != torch.strided:
            raise TypeError(f"{name} is {given.layout}, expected a dense tensor: .to_dense() makes one")
        return given
    if torch.compiler.is_compiling():  # which cannot look at what it traces
        return torch.as_tensor(given, dtype=torch.float64)
    try:
        array = np.asarray(given)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} is no row of numbers ({error})") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} holds {array.dtype}, expected real numbers")
    return torch.from_numpy(array.astype(np.float64))


def refuse_class_weight(weight: Tensor) -> None:
    bad = ~((weight >= 0) & weight.isfinite())
    place = int(bad.nonzero()[0])
    more = f" ({int(bad.sum())} such in all)" if bad.sum() > 1 else ""
    raise ValueError(f"weight, class {place}: {weight[place].item():g} is not a weight (a finite number from 0){more}")
