"""Weights per class from how often each occurs, normalised so that they add up to the number of classes."""

from __future__ import annotations

import torch
from torch import Tensor


def inverse_frequency(counts: Tensor, power: float = 1.0) -> Tensor:
    """Proportional to n^-power (0.5: square root): counts (K,) -> (K,) float64. A class without samples counts as 1.

    Source: "balanced" class weights in scikit-learn; Cui et al., CVPR 2019, section 1, on the power 1/2.

    >>> import torch
    >>> import softlabel as sl
    >>> counts = torch.tensor([900, 100])
    >>> [round(weight, 2) for weight in sl.losses.inverse_frequency(counts).tolist()]
    [0.2, 1.8]
    >>> [round(weight, 2) for weight in sl.losses.inverse_frequency(counts, power=0.5).tolist()]
    [0.5, 1.5]
    """
    return _normalised(counts.double().clamp_min(1) ** -power)


def effective_number(counts: Tensor, beta: float = 0.9999) -> Tensor:
    """Proportional to (1 - beta) / (1 - beta^n) (Cui et al., CVPR 2019, equation 4): counts (K,) -> (K,) float64.

    beta 0 is no weighting, beta towards 1 the inverse frequency. Raises ValueError for beta outside [0, 1).

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
    counts = counts.double().clamp_min(1)
    if beta == 0:
        return torch.ones_like(counts)
    decay = torch.log(torch.tensor(beta, dtype=torch.float64))
    return _normalised(1 / -torch.expm1(counts * decay))


def _normalised(weights: Tensor) -> Tensor:
    return weights * (len(weights) / weights.sum())
