"""One view of what is true of a row, whether it is a class or a distribution over classes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from softlabel.labels.levels import NEGATIVE, POSITIVE


@dataclass(frozen=True)
class Truth:
    """What is true of N rows.

    index  (N,) int64, the class, or the one with most probability (the first of equals); 0 where ignored
    mass   (N,) float64, 1, and 0 where ignored
    dense  (N, K) float64 for a truth that is a distribution, else None
    """

    index: Tensor
    mass: Tensor
    dense: Tensor | None

    def probability_of(self, column: Tensor) -> Tensor:
        """How true class `column` (N,) is of each row, float64: 0 or 1 for a class; 0 where ignored."""
        if self.dense is None:
            return (self.index == column).double() * self.mass
        return self.dense.gather(-1, column[..., None])[..., 0]

    def as_dense(self, num_classes: int) -> Tensor:
        """The distribution (N, K) float64; a row of zeros where ignored."""
        if self.dense is not None:
            return self.dense
        return torch.zeros(len(self.index), num_classes, dtype=torch.float64, device=self.index.device).scatter_(
            -1, self.index[:, None], self.mass[:, None]
        )

    def mean_of(self, scores: Tensor) -> Tensor:
        """The mean of scores (N, K) under the truth, float64 (N,); scores of classes without truth are not read."""
        if self.dense is None:
            picked = scores.gather(-1, self.index[:, None])[:, 0].double()
            return torch.where(self.mass > 0, picked, 0.0)
        return torch.where(self.dense > 0, self.dense * scores, 0.0).sum(-1)


def read(truth: Tensor) -> Truth:
    """The view of a truth (N,) of class indices, negative where ignored, or (N, K) of probabilities."""
    if truth.is_floating_point():
        dense = truth.double()
        return Truth(dense.argmax(-1), (dense.sum(-1) > 0).double(), dense)
    return Truth(truth.clamp(min=0), (truth >= 0).double(), None)


@dataclass(frozen=True)
class ValueTruth:
    """What is true of N rows.

    value   (N,) float64, in the unit of the grid; 0 where ignored
    sigma   (N,) float64, the spread of the annotators; NaN where it is not known
    counted (N,) bool, False where ignored
    """

    value: Tensor
    sigma: Tensor
    counted: Tensor


def read_values(truth: Tensor) -> ValueTruth:
    """The view of a truth (N, 2) of value and sigma; a value that is NaN marks a row that is ignored."""
    value, sigma = truth.double().unbind(-1)
    return ValueTruth(value.nan_to_num(0.0), sigma, ~value.isnan())


def as_grid(grid: Tensor) -> Tensor:
    """The labels' values as float64 (K,). Raises ValueError unless they ascend."""
    grid = torch.as_tensor(grid, dtype=torch.float64)
    if grid.dim() != 1 or len(grid) == 0 or not bool((grid.diff() > 0).all()):
        raise ValueError(f"a grid is K values in ascending order, not {grid.tolist()}")
    return grid


def nearest_label(value: Tensor, grid: Tensor) -> Tensor:
    """The label whose value is nearest, int64 (N,); of two as near, the lower one."""
    middles = (grid[1:] + grid[:-1]) / 2
    return torch.bucketize(value, middles)


def in_unit(title: str, unit: str) -> str:
    """The title of a score that is measured in the unit of the grid, such as 'MAE in years'."""
    return f"{title} in {unit}" if unit else title


@dataclass(frozen=True)
class LevelsTruth:
    """What is true of the classes of N rows.

    positive  (N, K) bool
    negative  (N, K) bool
    counted   (N, K) bool, False where difficult: right or wrong there, nothing is scored
    """

    positive: Tensor
    negative: Tensor
    counted: Tensor


def read_levels(truth: Tensor) -> LevelsTruth:
    """The view of a truth (N, K) of integer levels: 2 positive, 1 difficult, 0 negative."""
    positive, negative = truth == POSITIVE, truth == NEGATIVE
    return LevelsTruth(positive, negative, positive | negative)
