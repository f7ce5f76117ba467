"""One view of a truth that is a number on the label axis, such as an age."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


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
