"""The values of a label axis: as a person writes them, as the data span them, and in equally full stretches."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from softlabel.errors import ConfigError, DataError

MOST_LABELS = 10_000
FEW_LABELS = 5


def parse_grid(text: str) -> Tensor:
    """START:STOP or START:STOP:STEP as ascending values, float32 (K,); STOP belongs to it when a step ends there.

    Raises ConfigError for anything else.
    """
    parts = text.split(":")
    try:
        start, stop, step = map(float, parts if len(parts) != 2 else [*parts, "1"])
    except ValueError:
        raise ConfigError(f"axis.grid: {text!r} is not START:STOP or START:STOP:STEP, such as 0:100") from None
    if not (math.isfinite(start) and math.isfinite(stop) and math.isfinite(step) and step > 0 and stop > start):
        raise ConfigError(f"axis.grid: {text!r} does not ascend; expected START below STOP and a STEP above 0")
    steps = math.floor((stop - start) / step + 1e-6)
    if steps >= MOST_LABELS:
        raise ConfigError(f"axis.grid: {text!r} has {steps + 1:,.12g} values, at most {MOST_LABELS:,} are allowed")
    grid = (start + step * torch.arange(steps + 1, dtype=torch.float64)).float()
    if steps < 1 or not bool((grid.diff() > 0).all()):
        raise ConfigError(f"axis.grid: {text!r} has not two different values in single precision")
    return grid


def spanned_grid(values: Tensor, name: str = "value") -> Tensor:
    """The whole numbers from the one below the smallest value to the one above the largest, float32 (K,).

    Raises DataError where that is a single one, or more than 10,000.
    """
    low, high = math.floor(float(values.min())), math.ceil(float(values.max()))
    if low == high:
        raise DataError(f"every {name} is {low}, expected at least two different ones")
    if high - low >= MOST_LABELS:
        raise DataError(
            f"values from {low:,} to {high:,} are too many whole numbers for a label axis; set axis.grid, such as "
            f"{low}:{high}:{max(1, (high - low) // 100)}"
        )
    return torch.arange(low, high + 1).float()


def coarse_axis(values: Tensor, name: str = "values") -> list[str]:
    """What to say where numbers with decimals (N,) would share an axis of few whole numbers; nothing elsewhere."""
    low, high = math.floor(float(values.min())), math.ceil(float(values.max()))
    labels = high - low + 1
    if labels > FEW_LABELS or not bool((values != values.round()).any()):
        return []
    span = f"{float(values.min()):g} to {float(values.max()):g}"
    finer = f"--grid {low}:{high}:{(high - low) / 100:g}"
    return [f"{name} from {span} share {labels} labels, whole numbers from {low} to {high}; {finer} tells more apart"]


def grid_names(grid: Tensor) -> list[str]:
    """The values as text, without needless digits."""
    return [f"{value:g}" for value in grid.tolist()]


def quantile_strata(values: Tensor, parts: int) -> NDArray[np.int64]:
    """In which of `parts` equally full stretches each value (N,) lies; equal values are never torn apart."""
    numbers = values.numpy()
    edges = np.unique(np.quantile(numbers, np.arange(1, parts) / parts))
    return np.searchsorted(edges, numbers, side="right")
