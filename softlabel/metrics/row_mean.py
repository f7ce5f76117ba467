"""A score that is the mean of one number a row, over all rows or class by class."""

from __future__ import annotations

import torch
from torch import Tensor

from softlabel.statistic import Contribution, Statistic


class RowMean(Statistic):
    """The mean over the rows that are not ignored; NaN without one."""

    num_cells = 1
    width = 2

    def value(self, sums: Tensor) -> Tensor:
        return sums[..., 0, 0] / sums[..., 0, 1]


class ClassMean(Statistic):
    """The mean over the classes present of the mean over their rows, so that every class counts the same."""

    width = 2

    def __init__(self, num_classes: int) -> None:
        self.num_cells = num_classes

    def value(self, sums: Tensor) -> Tensor:
        return mean_over_classes(sums)


def mean_of_rows(score: Tensor, counted: Tensor, cell: Tensor | None = None) -> Contribution:
    """Scores (N,) of which those that are `counted` (N,), as bool or as 0 and 1, enter the mean; others may be NaN.

    cell  (N,) int64, the class of each row for a `ClassMean`; None: all rows are averaged alike
    """
    values = torch.stack([torch.where(counted.bool(), score.double(), 0.0), counted.double()], -1)
    if cell is None:
        cell = torch.zeros(len(score), dtype=torch.int64, device=score.device)
    return Contribution(cell, values)


def mean_over_classes(sums: Tensor, members: Tensor | None = None) -> Tensor:
    """From (..., K, 2), a sum and a number of rows per class, to (...).

    Classes without a row are left out; `members` (K,) bool takes only some classes. NaN when none is left.
    """
    present = sums[..., 1] > 0
    if members is not None:
        present = present & members.to(sums.device)
    mean = sums[..., 0] / sums[..., 1].clamp(min=1)
    return (mean * present).sum(-1) / present.sum(-1)
