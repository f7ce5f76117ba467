"""Calibration errors of the predicted class's probability, from sums in bins of confidence.

For a truth that is a distribution, correctness is the truth's probability of the predicted class (soft ECE).
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from softlabel.calibration import bins as confidence_bins
from softlabel.calibration.bins import ReliabilityBin
from softlabel.metrics.truth import Truth, read
from softlabel.statistic import Contribution, Statistic


class ExpectedCalibrationError(Statistic):
    """ECE over equal-width, right-closed bins (Guo et al. 2017, eq. 3).

    >>> import torch
    >>> from softlabel.metrics.ece import ExpectedCalibrationError
    >>> from softlabel.metrics.ranking import stream
    >>> score = stream(ExpectedCalibrationError())
    >>> score.update(torch.tensor([[0.9, 0.1]] * 4).log(), torch.tensor([0, 0, 0, 1]))
    >>> round(score.compute(), 3)  # 90 % sure, right in 75 %
    0.15
    """

    name = "ece"
    title = "ECE"
    better = "lower"
    width = confidence_bins.WIDTH

    def __init__(self, num_bins: int = 15) -> None:
        self.num_cells = num_bins

    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        true = read(truth)
        log_confidence, predicted = _at_least_fp32(log_probabilities).max(-1)
        return Contribution(self._cell(log_confidence), _bin_values(log_confidence, predicted, true))

    def value(self, sums: Tensor) -> Tensor:
        return confidence_bins.expected_error(sums)

    def reliability(self, sums: Tensor) -> list[ReliabilityBin]:
        """The bins of a reliability diagram from sums (num_bins, 3)."""
        return confidence_bins.reliability(sums)

    def _cell(self, log_confidence: Tensor) -> Tensor:
        return confidence_bins.bin_of(log_confidence.exp(), self.num_cells)


class DebiasedCalibrationError(ExpectedCalibrationError):
    """ECE less an estimate of the bias that small bins give it; see `confidence_bins.debiased_error`.

    Source: Kumar, Liang and Ma 2019, section 5.

    >>> import torch
    >>> from softlabel.metrics.ece import DebiasedCalibrationError
    >>> from softlabel.metrics.ranking import stream
    >>> score = stream(DebiasedCalibrationError())
    >>> score.update(torch.tensor([[0.9, 0.1]] * 4).log(), torch.tensor([0, 0, 0, 1]))
    >>> round(score.compute(), 3)  # four rows: the ECE is 0.15
    0.087
    """

    name = "debiased_ece"
    title = "debiased ECE"
    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)

    def value(self, sums: Tensor) -> Tensor:
        return confidence_bins.debiased_error(sums)


class AdaptiveCalibrationError(ExpectedCalibrationError):
    """ECE over bins of equally many rows (Nguyen and O'Connor 2015), from sums that can be streamed and merged.

    Rows are first counted in 512 narrow cells of log-odds, and bins are made of whole cells; so confidences within
    0.06 of each other in log-odds are taken as ties. `softlabel.calibration.adaptive_calibration_error` sorts instead.

    >>> import torch
    >>> from softlabel.metrics.ece import AdaptiveCalibrationError
    >>> from softlabel.metrics.ranking import stream
    >>> score = stream(AdaptiveCalibrationError(num_bins=2))
    >>> score.update(torch.tensor([[0.9, 0.1]] * 4 + [[0.99, 0.01]] * 4).log(), torch.tensor([0, 0, 0, 1, 0, 0, 0, 0]))
    >>> round(score.compute(), 3)  # (0.15 + 0.01) / 2
    0.08
    """

    name = "adaptive_ece"
    title = "adaptive ECE"
    LOWEST, HIGHEST, CELLS = -12.0, 18.0, 512

    def __init__(self, num_bins: int = 15) -> None:
        super().__init__(self.CELLS)
        self.num_bins = num_bins

    def value(self, sums: Tensor) -> Tensor:
        return confidence_bins.expected_error(confidence_bins.equal_mass(sums, self.num_bins))

    def _cell(self, log_confidence: Tensor) -> Tensor:
        log_odds = log_confidence - torch.log(-torch.expm1(log_confidence))  # +inf at confidence 1
        share = (log_odds.clamp(self.LOWEST, self.HIGHEST) - self.LOWEST) / (self.HIGHEST - self.LOWEST)
        return (share * (self.num_cells - 1)).round().long()


def _at_least_fp32(values: Tensor) -> Tensor:
    return values if values.dtype == torch.float64 else values.float()


def _bin_values(log_confidence: Tensor, predicted: Tensor, true: Truth) -> Tensor:
    confidence = log_confidence.exp().double() * true.mass
    return torch.stack([confidence, true.probability_of(predicted), true.mass], -1)
