"""Weights per class from how often each occurs, normalised so that they add up to the number of classes."""

from __future__ import annotations

import torch
from torch import Tensor

from softlabel.labels.modes import may_look
from softlabel.losses.engine.weight import Numbers, real_numbers


def inverse_frequency(counts: Numbers, power: float = 1.0) -> Tensor:
    """Proportional to n^-power (0.5: square root): counts (K,) -> (K,) float64. A class without samples counts as 1.

    Raises ValueError for counts that are negative or not finite, TypeError for what are no numbers.

    Source: "balanced" class weights in scikit-learn; Cui et al., CVPR 2019, section 1, on the power 1/2.

    >>> import torch
    >>> import softlabel as sl
    >>> counts = torch.tensor([900, 100])
    >>> [round(weight, 2) for weight in sl.losses.inverse_frequency(counts).tolist()]
    [0.2, 1.8]
    >>> [round(weight, 2) for weight in sl.losses.inverse_frequency(counts, power=0.5).tolist()]
    [0.5, 1.5]
    """
    return _normalised(_at_least_one(counts) ** -power)


def effective_number(counts: Numbers, beta: float = 0.9999) -> Tensor:
    """Proportional to (1 - beta) / (1 - beta^n) (Cui et al., CVPR 2019, equation 4): counts (K,) -> (K,) float64.

    beta 0 is no weighting, beta towards 1 the inverse frequency. Raises ValueError for beta outside [0, 1), and as
    `inverse_frequency`.

    >>> import torch
    >>> import softlabel as sl
    >>> counts = torch.tensor([900, 100])
    >>> [round(weight, 2) for weight in sl.losses.effective_number(counts, beta=0.99).tolist()]
    [0.78, 1.22]
    >>> [round(weight, 2) for weight in sl.losses.effective_number(counts, beta=0.999999).tolist()]  # nearly inverse
    [0.2, 1.8]
    """
    if not 0 <= beta < 1:
        raise ValueError(f"beta is {beta}, expected a number from 0 up to, but not, 1")
    counts = _at_least_one(counts)
    if beta == 0:
        return torch.ones_like(counts)
    decay = torch.log(torch.tensor(beta, dtype=torch.float64))
    return _normalised(1 / -torch.expm1(counts * decay))


def _at_least_one(counts: Numbers) -> Tensor:
    found = real_numbers(counts, "counts").double()
    if found.ndim != 1:
        raise ValueError(f"counts have shape {tuple(found.shape)}, expected one per class, (K,)")
    bad = ~((found >= 0) & found.isfinite()) if may_look(found) else None
    if bad is not None and bool(bad.any()):
        place = int(bad.nonzero()[0])
        raise ValueError(f"counts, class {place}: {found[place].item():g} is not a count (a finite number from 0)")
    return found.clamp_min(1)


def _normalised(weights: Tensor) -> Tensor:
    return weights * (len(weights) / weights.sum())
