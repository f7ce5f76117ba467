"""Continuous ranked probability score (Matheson and Winkler 1976; Gneiting and Raftery 2007, section 4.2)."""

from __future__ import annotations

import math
from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F

from softlabel.metrics.decoding import cumulative
from softlabel.metrics.row_mean import RowMean, mean_of_rows
from softlabel.metrics.truth import as_grid, in_unit, read_values
from softlabel.statistic import Contribution


class ContinuousRankedProbabilityScore(RowMean):
    """The mean of the integral of (F(x) - 1[value <= x])² dx, in the unit of the grid.

    F is the predicted distribution function, a step at every label; so this is exact between the labels and beyond
    them too. For a prediction that is certain it is the absolute error.
    Source: Matheson and Winkler 1976; Gneiting and Raftery 2007, section 4.2.

    >>> import torch
    >>> from softlabel.metrics.crps import ContinuousRankedProbabilityScore
    >>> from softlabel.metrics.ranking import stream
    >>> score = stream(ContinuousRankedProbabilityScore(torch.arange(3.0)))
    >>> score.update(torch.tensor([[0.2, 0.5, 0.3]]).log(), torch.tensor([[3.0, 1.0]]))
    >>> round(score.compute(), 3)  # 0.2² + 0.7² + 1²
    1.53
    """

    name = "crps"
    title = "CRPS"
    better = "lower"
    bounds: ClassVar[tuple[float, float]] = (0.0, math.inf)

    def __init__(self, grid: Tensor, unit: str = "") -> None:
        self.grid = as_grid(grid)
        self.title = in_unit(self.title, unit)

    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        true = read_values(truth)
        grid = self.grid.to(log_probabilities.device)
        value, step = true.value[:, None], grid.diff()
        below = cumulative(log_probabilities)[:, :-1]
        before = (value - grid[:-1]).clamp(min=0).minimum(step)
        inside = below.square() * before + (1 - below).square() * (step - before)
        outside = F.relu(grid[0] - true.value) + F.relu(true.value - grid[-1])
        return mean_of_rows(inside.sum(-1) + outside, true.counted)
