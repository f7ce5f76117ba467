"""Whether predicted distributions over the label axis hold the true value as often as they say."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from softlabel.metrics.decoding import central_interval, cumulative
from softlabel.metrics.row_mean import RowMean, mean_of_rows
from softlabel.metrics.truth import as_grid, in_unit, nearest_label, read_values
from softlabel.statistic import Contribution, Statistic


class CoverageError(RowMean):
    """How far the share of rows within their central interval is from the level: |share - level|.

    An interval runs from label to label and so holds a little more than `level`, which shows where the grid is coarse
    against the spread of the predictions.
    Source: calibration in Gneiting, Balabdaoui and Raftery 2007.

    >>> import torch
    >>> from softlabel.metrics.interval_coverage import CoverageError
    >>> from softlabel.metrics.ranking import stream
    >>> score = stream(CoverageError(torch.arange(3.0), level=0.8))
    >>> score.update(torch.tensor([[0.2, 0.5, 0.3]] * 2).log(), torch.tensor([[3.0, 1.0], [1.0, 1.0]]))
    >>> round(score.compute(), 3)  # one of two values lies in 0 to 2
    0.3
    """

    better = "lower"

    def __init__(self, grid: Tensor, level: float = 0.8) -> None:
        self.grid = as_grid(grid)
        self.level = level
        self.name = f"coverage_error_{100 * level:g}"
        self.title = f"error of {100 * level:g} % coverage"

    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        true = read_values(truth)
        low, high = central_interval(log_probabilities, self.grid.to(log_probabilities.device), self.level)
        return mean_of_rows((low <= true.value) & (true.value <= high), true.counted)

    def value(self, sums: Tensor) -> Tensor:
        return (self.share(sums) - self.level).abs()

    def share(self, sums: Tensor) -> Tensor:
        """The share of rows within their interval, from sums (..., 1, 2)."""
        return super().value(sums)


class IntervalWidth(RowMean):
    """The mean width of the central interval, in the unit of the grid; to be read beside its coverage.

    Source: sharpness in Gneiting, Balabdaoui and Raftery 2007.

    >>> import torch
    >>> from softlabel.metrics.interval_coverage import IntervalWidth
    >>> from softlabel.metrics.ranking import stream
    >>> score = stream(IntervalWidth(torch.arange(3.0), level=0.8))
    >>> score.update(torch.tensor([[0.2, 0.5, 0.3]] * 2).log(), torch.tensor([[3.0, 1.0], [1.0, 1.0]]))
    >>> round(score.compute(), 3)  # from 0 to 2
    2.0
    """

    better = "lower"
    bounds: ClassVar[tuple[float, float]] = (0.0, math.inf)

    def __init__(self, grid: Tensor, level: float = 0.8, unit: str = "") -> None:
        self.grid = as_grid(grid)
        self.level = level
        self.name = f"interval_width_{100 * level:g}"
        self.title = in_unit(f"width of the {100 * level:g} % interval", unit)

    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        low, high = central_interval(log_probabilities, self.grid.to(log_probabilities.device), self.level)
        return mean_of_rows(high - low, read_values(truth).counted)


class QuantileCalibrationError(Statistic):
    """The mean over quantile levels u of |share of true values below their predicted u-quantile - u|.

    Kuleshov, Fenner and Ermon 2018, section 3.5, with absolute in place of squared differences. The levels are
    1/L, ..., (L - 1)/L. A row's true label takes up the stretch from F before it to F at it, and counts below u by
    the part of that stretch below u (Czado, Gneiting and Held 2009, section 2.1), so that a calibrated prediction on
    a grid has error 0. A value between labels counts as the nearest one.

    >>> import torch
    >>> from softlabel.metrics.interval_coverage import QuantileCalibrationError
    >>> from softlabel.metrics.ranking import stream
    >>> score = stream(QuantileCalibrationError(torch.arange(3.0), num_levels=2))
    >>> score.update(torch.tensor([[0.2, 0.5, 0.3]]).log(), torch.tensor([[3.0, 1.0]]))
    >>> round(score.compute(), 3)  # half the values should be below the median, none is
    0.5
    """

    name = "quantile_ece"
    title = "quantile ECE"
    better = "lower"
    num_cells = 1

    def __init__(self, grid: Tensor, num_levels: int = 20) -> None:
        self.grid = as_grid(grid)
        self.levels = torch.arange(1, num_levels, dtype=torch.float64) / num_levels
        self.width = num_levels

    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        true = read_values(truth)
        device = log_probabilities.device
        label = nearest_label(true.value, self.grid.to(device))[:, None]
        up_to = cumulative(log_probabilities)
        end = up_to.gather(-1, label)
        start = torch.where(label > 0, up_to.gather(-1, (label - 1).clamp(min=0)), 0.0)
        level = self.levels.to(device)
        part = torch.where(end > start, ((level - start) / (end - start)).clamp(0, 1), (level >= end).double())
        values = torch.cat([part, torch.ones_like(end)], -1) * true.counted[:, None]
        return Contribution(torch.zeros_like(label[:, 0]), values)

    def value(self, sums: Tensor) -> Tensor:
        shares = sums[..., 0, :-1] / sums[..., 0, -1:]
        return (shares - self.levels.to(sums.device)).abs().mean(-1)
