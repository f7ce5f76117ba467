"""Similarity preserving (Tung and Mori, ICCV 2019): two networks agree on which rows of a batch are alike."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from softlabel.losses.engine.reduction import Reduction, SumAndMass, reduce, summed_by


def _of_rows(one: Tensor, other: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Summed over the columns, 0 for a row that does not count: (..., n)."""
    kept = columns[..., None, :]
    ours = F.normalize(one.float() * kept, dim=-1)
    theirs = F.normalize(other.float() * kept, dim=-1)
    return (ours - theirs).square().sum(-1) * rows


def _summed(values: Tensor, rows: Tensor, columns: Tensor) -> SumAndMass:
    pairs = (rows * columns.sum(-1, keepdim=True)).expand(values.shape)
    return SumAndMass(values.sum(-1).sum(), pairs.sum().to(values.dtype))


def _sum_and_mass(one: Tensor, other: Tensor, rows: Tensor, columns: Tensor) -> SumAndMass:
    return _summed(_of_rows(one, other, rows, columns), rows, columns)


@summed_by(_sum_and_mass)
def similarity_distance(
    one: Tensor, other: Tensor, rows: Tensor, columns: Tensor, *, reduction: Reduction = "mean"
) -> Tensor:
    """Squared difference of two similarity matrices whose rows are brought to length 1.

    one, other      (..., n, N) inner products of n rows with N rows
    rows, columns   (..., n) and (..., N) bool, which of them count
    reduction       "mean" over the pairs of a row and a column that both count, 0 if there are none, as published (1
                    over the squared size of the batch); "sum"; "none" sums over columns alone, (..., n)

    Raises ValueError for another reduction.
    Source: Tung and Mori, ICCV 2019; between two branches in DMUE (She et al., CVPR 2021, equation 5).

    >>> import torch
    >>> import softlabel as sl
    >>> alike, apart = torch.ones(2, 2), torch.eye(2)  # one network sees two equal rows, the other two unrelated ones
    >>> every = torch.ones(2, dtype=torch.bool)
    >>> sl.losses.similarity_distance(alike, apart, every, every)
    tensor(0.2929)
    """
    values = _of_rows(one, other, rows, columns)
    return reduce(values, _summed(values, rows, columns), reduction)
