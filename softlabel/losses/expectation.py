"""The expectation loss (DLDL-v2: Gao et al., IJCAI 2018, equation 6) and its reading as a number."""

from __future__ import annotations

import torch
from torch import Tensor

from softlabel.losses.engine.reduction import Reduction, SumAndMass, reduce, summed_by


def _errors(logits: Tensor, value: Tensor, grid: Tensor) -> tuple[Tensor, Tensor]:
    """The error of each row, and which rows have a value, (N,)."""
    probabilities = torch.softmax(logits.double() if logits.dtype == torch.float64 else logits.float(), -1)
    return (probabilities @ grid.to(probabilities) - value.nan_to_num()).abs(), ~value.isnan()


def _summed(error: Tensor, known: Tensor) -> SumAndMass:
    return SumAndMass(error[known].sum(), known.sum().to(error.dtype))


def _sum_and_mass(logits: Tensor, value: Tensor, grid: Tensor) -> SumAndMass:
    return _summed(*_errors(logits, value, grid))


@summed_by(_sum_and_mass)
def expectation_loss(logits: Tensor, value: Tensor, grid: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """|sum_k p_k grid_k - value| per row: logits (N, K), value (N,), grid (K,), in its unit.

    reduction   "mean" over the rows with a value, 0 if there are none; "sum"; "none" is (N,)

    The gradient in the logits is sign(mean - value) p (grid - mean), 0 where the mean is exact. A row whose value is
    NaN is ignored: it has mass 0 and a loss of 0. Computed in float32 at least.
    Raises ValueError for another reduction.
    Source: DLDL-v2 (Gao et al., IJCAI 2018, equation 6).

    >>> import torch
    >>> import softlabel as sl
    >>> logits, grid = torch.zeros(1, 4), torch.arange(4.0)  # undecided between the ages 0 to 3: 1.5
    >>> sl.losses.expectation_loss(logits, torch.tensor([3.0]), grid)
    tensor(1.5000)
    """
    error, known = _errors(logits, value, grid)
    return reduce(torch.where(known, error, 0), _summed(error, known), reduction)
