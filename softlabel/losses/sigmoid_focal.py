"""The focal loss with a sigmoid for every class, as published (Lin et al., ICCV 2017, equations 4 and 5)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from softlabel.losses.engine.reduction import Reduction, SumAndMass, reduce, summed_by


def _of_classes(logits: Tensor, truth: Tensor, gamma: float) -> Tensor:
    logits = logits.double() if logits.dtype == torch.float64 else logits.float()
    is_so, is_not = F.logsigmoid(logits), F.logsigmoid(-logits)
    truth = truth.to(logits.dtype)
    return -truth * (gamma * is_not).exp() * is_so - (1 - truth) * (gamma * is_so).exp() * is_not


def _summed(values: Tensor) -> SumAndMass:
    return SumAndMass(values.sum(), values.new_full((), values.numel()))


def _sum_and_mass(logits: Tensor, truth: Tensor, gamma: float = 2.0) -> SumAndMass:
    return _summed(_of_classes(logits, truth, gamma))


@summed_by(_sum_and_mass)
def sigmoid_focal_loss(logits: Tensor, truth: Tensor, gamma: float = 2.0, *, reduction: Reduction = "mean") -> Tensor:
    """-t (1 - s)^gamma log s - (1 - t) s^gamma log(1 - s) with s = sigmoid(z), of every class: all (..., K).

    truth       how much of each class is true, from 0 to 1; 0 and 1 for labels, the shares of a label distribution else
    reduction   "mean" over classes and rows, as PyTorch's binary cross-entropy, 0 if there are none; "sum"; "none"

    gamma 0 is binary cross-entropy. Computed in float32 at least, and in logarithms, exact near s = 0 and 1.
    Raises ValueError for another reduction.
    Source: Lin et al., ICCV 2017, equation 4.

    >>> import torch
    >>> import softlabel as sl
    >>> logits, truth = torch.tensor([[4.0, 0.0]]), torch.tensor([[1.0, 1.0]])
    >>> losses = sl.losses.sigmoid_focal_loss(logits, truth, gamma=2.0, reduction="none")
    >>> [round(loss, 4) for loss in losses[0].tolist()]  # what is right already hardly counts
    [0.0, 0.1733]
    """
    values = _of_classes(logits, truth, gamma)
    return reduce(values, _summed(values), reduction)
