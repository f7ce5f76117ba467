"""Classwise calibration error: every class's probability, not only the largest."""

from __future__ import annotations

import torch
from torch import Tensor

from softlabel.calibration.bins import bin_of, checked_bins
from softlabel.labels.amounts import accumulation_dtype
from softlabel.statistic import Contribution, Statistic
from softlabel.truth import Truth, read


class ClasswiseCalibrationError(Statistic):
    """The mean over classes of their binned |frequency - mean probability| (Kull et al. 2019, section 2).

    A row adds to one bin of each of the K classes, so a contribution takes O(N K) memory; the sums take O(K bins).

    >>> import torch
    >>> from softlabel.calibration.classwise_ece import ClasswiseCalibrationError
    >>> from softlabel.statistic import StreamingStatistic
    >>> score = StreamingStatistic(ClasswiseCalibrationError(3))
    >>> score.update(torch.tensor([[0.6, 0.3, 0.1]] * 10).log(), torch.tensor([0] * 6 + [2] * 4))
    >>> round(score.compute(), 3)  # (0 + 0.3 + 0.3) / 3; the ECE is 0
    0.2
    """

    name = "classwise_ece"
    title = "classwise ECE"
    better = "lower"
    width = 2

    def __init__(self, num_classes: int, num_bins: int = 15) -> None:
        self.num_classes = num_classes
        self.num_bins = checked_bins(num_bins)
        self.num_cells = num_classes * num_bins

    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        probabilities = log_probabilities.to(accumulation_dtype(log_probabilities.dtype)).exp()
        return self.of_probabilities(probabilities, read(truth))

    def of_probabilities(self, probabilities: Tensor, true: Truth) -> Contribution:
        """What rows of probabilities (N, K), float32 at least, add."""
        first = torch.arange(self.num_classes, device=probabilities.device) * self.num_bins
        cell = bin_of(probabilities, self.num_bins) + first
        # Written in place, as of a thousand classes every copy is of megabytes.
        values = torch.empty(*cell.shape, self.width, dtype=torch.float64, device=cell.device)
        values[..., 0].copy_(probabilities).masked_fill_(true.mass[:, None] == 0, 0.0)
        values[..., 1].copy_(true.as_dense(self.num_classes))
        return Contribution(cell, values)

    def value(self, sums: Tensor) -> Tensor:
        # A row's truth sums to 1, so the truths of all cells together count the rows.
        rows = sums[..., 1].sum(-1)
        return (sums[..., 0] - sums[..., 1]).abs().sum(-1) / (rows * self.num_classes)
