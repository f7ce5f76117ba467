"""Label noise of known strength: each label is drawn anew from its class's row of a transition matrix."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from softlabel.errors import UnsupportedError
from softlabel.randomness import generator

NoiseKind = Literal["symmetric", "class-dependent"]


def symmetric(num_classes: int, rate: float) -> Tensor:
    """Transition matrix (K, K) float64: a share `rate` of each class goes to the K - 1 others in equal parts."""
    off = torch.full((num_classes, num_classes), rate / (num_classes - 1), dtype=torch.float64)
    return off.fill_diagonal_(1 - rate)


def class_dependent(num_classes: int, rate: float) -> Tensor:
    """Transition matrix (K, K) float64: a share `rate` of class k goes to class k + 1 (the last: to 0)."""
    stay = torch.eye(num_classes, dtype=torch.float64)
    return (1 - rate) * stay + rate * stay.roll(1, dims=1)


def transition(kind: NoiseKind, num_classes: int, rate: float) -> Tensor:
    """The transition matrix of one kind of noise; rows are true classes and sum to 1."""
    return symmetric(num_classes, rate) if kind == "symmetric" else class_dependent(num_classes, rate)


def noisy_values(values: Tensor, rate: float, seed: int) -> Tensor:
    """Values (N, D), of which a share `rate` of the rows is replaced by another value that occurs, each as likely."""
    distinct, index = (torch.from_numpy(part) for part in np.unique(values.numpy(), axis=0, return_inverse=True))
    draws = generator(seed, "value noise")
    changed = torch.rand(len(values), dtype=torch.float64, generator=draws) < rate
    shift = torch.randint(1, max(2, len(distinct)), (len(values),), generator=draws)
    return distinct[torch.where(changed, (index + shift) % len(distinct), index)]


def noisy_labels(index: Tensor, matrix: Tensor, seed: int) -> Tensor:
    """Labels (N,) drawn from the matrix rows of the true ones (N,) int64.

    Raises UnsupportedError for votes or probabilities, whose noise is another question.
    """
    if index.ndim != 1 or index.is_floating_point():
        raise UnsupportedError("label noise needs one class label per row, and these rows hold votes or probabilities")
    draw = torch.rand(len(index), dtype=torch.float64, generator=generator(seed, "label noise"))
    cumulative = matrix.cumsum(1)
    cumulative[:, -1] = 1.0  # rounding must not leave a gap at the end
    return (draw[:, None] >= cumulative[index]).sum(1)
