"""Calibration errors of the predicted class's probability, from sums in bins of confidence.

For a truth that is a distribution, correctness is the truth's probability of the predicted class (soft ECE).
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from softlabel.calibration import bins as confidence_bins
from softlabel.calibration.bins import CONFIDENCE, CORRECT, COUNT, WIDTH, ReliabilityBin
from softlabel.calibration.top_label import TopLabel, binned, most_probable, of_log_confidence
from softlabel.statistic import Contribution, Statistic
from softlabel.truth import read


class ExpectedCalibrationError(Statistic):
    """ECE over equal-width, right-closed bins (Guo et al. 2017, eq. 3): the mean over rows of |accuracy - confidence|.

    >>> import torch
    >>> from softlabel.calibration.ece import ExpectedCalibrationError
    >>> from softlabel.statistic import StreamingStatistic
    >>> score = StreamingStatistic(ExpectedCalibrationError())
    >>> score.update(torch.tensor([[0.9, 0.1]] * 4).log(), torch.tensor([0, 0, 0, 1]))
    >>> round(score.compute(), 3)  # 90 % sure, right in 75 %
    0.15
    """

    name = "ece"
    title = "ECE"
    better = "lower"
    width = WIDTH

    def __init__(self, num_bins: int = 15) -> None:
        self.num_cells = confidence_bins.checked_bins(num_bins)

    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        return self.of_top_label(of_log_confidence(*most_probable(log_probabilities), read(truth)))

    def of_top_label(self, top: TopLabel) -> Contribution:
        """What elements add of which confidence and correctness are known."""
        return binned(top, confidence_bins.bin_of(top.confidence, self.num_cells))

    def value(self, sums: Tensor) -> Tensor:
        return (sums[..., CORRECT] - sums[..., CONFIDENCE]).abs().sum(-1) / sums[..., COUNT].sum(-1)

    def reliability(self, sums: Tensor) -> list[ReliabilityBin]:
        """The bins of a reliability diagram from sums (num_bins, 3)."""
        return confidence_bins.reliability(sums)


class MaximumCalibrationError(ExpectedCalibrationError):
    """MCE: the largest |accuracy - confidence| of the bins that hold a row (Guo et al. 2017, eq. 5).

    >>> import torch
    >>> from softlabel.calibration.ece import MaximumCalibrationError
    >>> from softlabel.statistic import StreamingStatistic
    >>> score = StreamingStatistic(MaximumCalibrationError())
    >>> score.update(torch.tensor([[0.9, 0.1]] * 4 + [[0.6, 0.4]]).log(), torch.tensor([0, 0, 0, 1, 1]))
    >>> round(score.compute(), 3)  # the one prediction in the lower bin is wrong
    0.6
    """

    name = "mce"
    title = "MCE"

    def value(self, sums: Tensor) -> Tensor:
        filled = sums[..., COUNT] > 0
        gap = (sums[..., CORRECT] - sums[..., CONFIDENCE]).abs() / sums[..., COUNT]
        return torch.where(filled.any(-1), torch.where(filled, gap, 0.0).amax(-1), math.nan)


class DebiasedCalibrationError(ExpectedCalibrationError):
    """ECE less an estimate of the bias that small bins give it (Kumar, Liang and Ma 2019, section 5).

    Twice the plug-in minus its mean when each bin's accuracy is redrawn from a normal with the bin's own spread; that
    mean of a folded normal is known in closed form, so nothing is drawn. May be negative. Where the truth is in fact
    calibrated, about 0.59 of the plug-in's bias stays: `DebiasedSquaredCalibrationError` has none.

    >>> import torch
    >>> from softlabel.calibration.ece import DebiasedCalibrationError
    >>> from softlabel.statistic import StreamingStatistic
    >>> score = StreamingStatistic(DebiasedCalibrationError())
    >>> score.update(torch.tensor([[0.9, 0.1]] * 4).log(), torch.tensor([0, 0, 0, 1]))
    >>> round(score.compute(), 3)  # four rows: the ECE is 0.15
    0.087
    """

    name = "debiased_ece"
    title = "debiased ECE"
    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)

    def value(self, sums: Tensor) -> Tensor:
        count = sums[..., COUNT]
        accuracy, gap = _accuracy_and_gap(sums)
        deviation = (accuracy * (1 - accuracy) / count).clamp(min=0).sqrt()
        scaled = gap / deviation
        near, far = torch.exp(-0.5 * scaled**2), torch.erf(scaled / math.sqrt(2))
        redrawn = deviation * math.sqrt(2 / math.pi) * near + gap * far
        redrawn = torch.where(deviation > 0, redrawn, gap.abs())
        return torch.where(count > 0, (2 * gap.abs() - redrawn) * count, 0.0).sum(-1) / count.sum(-1)


class DebiasedSquaredCalibrationError(ExpectedCalibrationError):
    """The squared error without bias, sum of w (gap² - accuracy (1 - accuracy) / (n - 1)); may be negative.

    Bins of fewer than two rows are left out (Kumar, Liang and Ma 2019, section 5).

    >>> import torch
    >>> from softlabel.calibration.ece import DebiasedSquaredCalibrationError
    >>> from softlabel.statistic import StreamingStatistic
    >>> score = StreamingStatistic(DebiasedSquaredCalibrationError())
    >>> score.update(torch.tensor([[0.9, 0.1]] * 4).log(), torch.tensor([0, 0, 0, 1]))
    >>> round(score.compute(), 3)  # 0.15² - 0.75 · 0.25 / 3
    -0.04
    """

    name = "debiased_squared_ece"
    title = "debiased squared ECE"
    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)

    def value(self, sums: Tensor) -> Tensor:
        count = sums[..., COUNT]
        accuracy, gap = _accuracy_and_gap(sums)
        term = (gap**2 - accuracy * (1 - accuracy) / (count - 1)) * count
        kept = count >= 2
        error = torch.where(kept, term, 0.0).sum(-1) / count.sum(-1)
        return torch.where(kept.any(-1), error, torch.nan)


class AdaptiveCalibrationError(Statistic):
    """ECE over bins of equally many rows (Nguyen and O'Connor 2015), from sums that can be streamed and merged.

    Rows are first counted in 512 narrow cells of log-odds, and bins are made of whole cells; so confidences within
    0.06 of each other in log-odds are taken as ties. `softlabel.calibration.adaptive_calibration_error` sorts instead.

    >>> import torch
    >>> from softlabel.calibration.ece import AdaptiveCalibrationError
    >>> from softlabel.statistic import StreamingStatistic
    >>> score = StreamingStatistic(AdaptiveCalibrationError(num_bins=2))
    >>> score.update(torch.tensor([[0.9, 0.1]] * 4 + [[0.99, 0.01]] * 4).log(), torch.tensor([0, 0, 0, 1, 0, 0, 0, 0]))
    >>> round(score.compute(), 3)  # (0.15 + 0.01) / 2
    0.08
    """

    name = "adaptive_ece"
    title = "adaptive ECE"
    better = "lower"
    width = WIDTH
    LOWEST, HIGHEST, CELLS = -12.0, 18.0, 512
    num_cells = CELLS

    def __init__(self, num_bins: int = 15) -> None:
        self.num_bins = num_bins
        self._of_bins = ExpectedCalibrationError(num_bins)

    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        log_confidence, predicted = most_probable(log_probabilities)
        return binned(of_log_confidence(log_confidence, predicted, read(truth)), self._cell(log_confidence))

    def value(self, sums: Tensor) -> Tensor:
        """The score of sums (..., cells, 3) in any number of cells that ascend in confidence."""
        return self._of_bins.value(confidence_bins.equal_mass(sums, self.num_bins))

    def _cell(self, log_confidence: Tensor) -> Tensor:
        log_odds = log_confidence - torch.log(-torch.expm1(log_confidence))  # +inf at confidence 1
        share = (log_odds.clamp(self.LOWEST, self.HIGHEST) - self.LOWEST) / (self.HIGHEST - self.LOWEST)
        return (share.nan_to_num(0.0) * (self.num_cells - 1)).round().long()  # of NaN, any: the sums are NaN then


def _accuracy_and_gap(sums: Tensor) -> tuple[Tensor, Tensor]:
    accuracy = sums[..., CORRECT] / sums[..., COUNT]
    return accuracy, accuracy - sums[..., CONFIDENCE] / sums[..., COUNT]
