"""Calibration errors over a stream: O(bins) memory, mergeable over batches, processes and saved runs."""

from __future__ import annotations

from typing import Any

import torch

from softlabel.calibration.bins import ReliabilityBin
from softlabel.calibration.ece import DebiasedCalibrationError, ExpectedCalibrationError, MaximumCalibrationError
from softlabel.calibration.inputs import as_labels, as_predictions, as_probabilities
from softlabel.calibration.top_label import of_logits, of_probabilities
from softlabel.statistic import RunningSums


class StreamingCalibrationError(RunningSums):
    """ECE and its relatives of everything seen so far, from three float64 numbers a bin.

    Give it every batch, on any device; `merge_` adds another one, `all_reduce_` merges over processes.
    Source: Guo et al. 2017, equations 3 and 5; Kumar, Liang and Ma 2019, section 5 (debiased).

    >>> import torch
    >>> import softlabel as sl
    >>> error = sl.calibration.StreamingCalibrationError(num_bins=15)
    >>> for labels in torch.tensor([[0, 0], [0, 1]]):  # two batches of two rows, each row 90 % sure of class 0
    ...     error.update(labels, probabilities=torch.tensor([[0.9, 0.1]] * 2))
    ...
    >>> round(error.compute(), 3)  # right in 75 %
    0.15
    """

    def __init__(self, num_bins: int = 15, *, ignore_index: int = -100, validate: bool = True) -> None:
        """`validate=False` does not look whether `probabilities` sum to 1, which waits for a GPU."""
        self.error = ExpectedCalibrationError(num_bins)
        super().__init__(self.error)
        self.num_bins = num_bins
        self.ignore_index = ignore_index
        self.validate = validate

    @torch.no_grad()
    def update(self, labels: Any, *, logits: Any = None, probabilities: Any = None) -> None:
        """Add a batch: either logits or probabilities, (N, K) or (N, K, ...), with labels as in `errors`.

        Raises ValueError when neither or both are given, when shapes differ, or when rows do not sum to 1.
        """
        if (logits is None) == (probabilities is None):
            raise ValueError("give either logits=... or probabilities=...")
        if logits is None:
            predictions = as_probabilities(probabilities, validate=self.validate)
            top = of_probabilities(predictions, as_labels(labels, predictions), self.ignore_index)
        else:
            predictions = as_predictions(logits, "logits")
            top = of_logits(predictions, as_labels(labels, predictions), self.ignore_index)
        self.add(self.error.of_top_label(top))

    def compute(self) -> float:
        """The expected calibration error; NaN before the first row."""
        return float(self.error.value(self.sums))

    def maximum(self) -> float:
        """The maximum calibration error."""
        return float(MaximumCalibrationError(self.num_bins).value(self.sums))

    def debiased(self) -> float:
        """The expected calibration error less its bias from small bins."""
        return float(DebiasedCalibrationError(self.num_bins).value(self.sums))

    def reliability(self) -> list[ReliabilityBin]:
        """The bins of a reliability diagram."""
        return self.error.reliability(self.sums)
