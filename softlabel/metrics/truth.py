"""What is true of a row where that is a value, such as an age, or a level of each class."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from softlabel.labels.levels import NEGATIVE, POSITIVE


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
