"""Errors of a predicted value, such as an age, against the true one."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from softlabel.metrics.decoding import Decoding, decode
from softlabel.metrics.row_mean import RowMean, mean_of_rows
from softlabel.metrics.truth import ValueTruth, as_grid, in_unit, nearest_label, read_values
from softlabel.statistic import Contribution


class _OfDecodedValue(RowMean):
    """A mean over rows of a function of the error of the decoded value; truth (N, 2) of value and sigma."""

    def __init__(self, grid: Tensor, decoding: Decoding = "expectation") -> None:
        self.grid = as_grid(grid)
        self.decoding: Decoding = decoding
        # The most probable label is the same at every temperature.
        self.calibration = decoding == "expectation"
        if decoding == "argmax":
            self.name, self.title = f"{self.name}_argmax", f"{self.title}, arg-max"

    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        true = read_values(truth)
        error = decode(log_probabilities, self.grid.to(log_probabilities.device), self.decoding) - true.value
        return self._of_errors(error, true)

    def _of_errors(self, error: Tensor, true: ValueTruth) -> Contribution:
        raise NotImplementedError


class MeanAbsoluteError(_OfDecodedValue):
    """MAE, in the unit of the grid.

    Source: as age estimation reports it (Geng, Zhou and Smith-Miles, IEEE TPAMI 2007).

    >>> import torch
    >>> from softlabel.metrics.ordinal import MeanAbsoluteError
    >>> from softlabel.metrics.ranking import stream
    >>> score = stream(MeanAbsoluteError(torch.arange(3.0)))
    >>> score.update(torch.tensor([[0.2, 0.5, 0.3]]).log(), torch.tensor([[3.0, 1.0]]))
    >>> round(score.compute(), 3)  # 3 less the mean, 1.1
    1.9
    """

    name = "mae"
    title = "MAE"
    better = "lower"
    bounds: ClassVar[tuple[float, float]] = (0.0, math.inf)

    def __init__(self, grid: Tensor, decoding: Decoding = "expectation", unit: str = "") -> None:
        super().__init__(grid, decoding)
        self.title = in_unit(self.title, unit)

    def _of_errors(self, error: Tensor, true: ValueTruth) -> Contribution:
        return mean_of_rows(error.abs(), true.counted)


class CumulativeScore(_OfDecodedValue):
    """CS(theta): the share of rows whose absolute error is at most theta, in the unit of the grid.

    Source: Geng, Zhou and Smith-Miles, IEEE TPAMI 2007.

    >>> import torch
    >>> from softlabel.metrics.ordinal import CumulativeScore
    >>> from softlabel.metrics.ranking import stream
    >>> score = stream(CumulativeScore(torch.arange(3.0), theta=1.0))
    >>> score.update(torch.tensor([[0.2, 0.5, 0.3]] * 2).log(), torch.tensor([[3.0, 1.0], [1.0, 1.0]]))
    >>> round(score.compute(), 3)  # errors 1.9 and 0.1
    0.5
    """

    better = "higher"

    def __init__(self, grid: Tensor, theta: float = 5.0, decoding: Decoding = "expectation") -> None:
        self.theta = theta
        self.name, self.title = f"cs_{theta:g}", f"CS({theta:g})"
        super().__init__(grid, decoding)

    def _of_errors(self, error: Tensor, true: ValueTruth) -> Contribution:
        return mean_of_rows(error.abs() <= self.theta, true.counted)


class EpsilonError(_OfDecodedValue):
    """The mean of 1 - exp(-error² / 2 sigma²), sigma the annotators' spread (ChaLearn LAP 2015).

    Rows without a positive sigma are ignored.

    >>> import torch
    >>> from softlabel.metrics.ordinal import EpsilonError
    >>> from softlabel.metrics.ranking import stream
    >>> score = stream(EpsilonError(torch.arange(3.0)))
    >>> score.update(torch.tensor([[0.2, 0.5, 0.3]]).log(), torch.tensor([[3.0, 1.0]]))
    >>> round(score.compute(), 3)  # 1 - exp(-1.9² / 2)
    0.836
    """

    name = "epsilon_error"
    title = "ε-error"
    better = "lower"

    def _of_errors(self, error: Tensor, true: ValueTruth) -> Contribution:
        return mean_of_rows(-torch.expm1(-0.5 * (error / true.sigma).square()), true.counted & (true.sigma > 0))


class NearestLabelLikelihood(RowMean):
    """The mean of -log p of the label nearest to the true value, in nats; of two as near, the lower one.

    Source: the logarithmic score of Good (1952).

    >>> import torch
    >>> from softlabel.metrics.ordinal import NearestLabelLikelihood
    >>> from softlabel.metrics.ranking import stream
    >>> score = stream(NearestLabelLikelihood(torch.arange(3.0)))
    >>> score.update(torch.tensor([[0.2, 0.5, 0.3]]).log(), torch.tensor([[3.0, 1.0]]))
    >>> round(score.compute(), 3)  # -log 0.3
    1.204
    """

    name = "nll"
    title = "NLL"
    better = "lower"
    bounds: ClassVar[tuple[float, float]] = (0.0, math.inf)

    def __init__(self, grid: Tensor) -> None:
        self.grid = as_grid(grid)

    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        true = read_values(truth)
        label = nearest_label(true.value, self.grid.to(true.value.device))
        return mean_of_rows(-log_probabilities.gather(-1, label[:, None])[:, 0], true.counted)
