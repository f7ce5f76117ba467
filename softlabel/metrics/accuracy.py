"""Accuracy."""

from __future__ import annotations

from torch import Tensor

from softlabel.metrics.row_mean import RowMean, mean_of_rows
from softlabel.statistic import Contribution
from softlabel.truth import read


class Accuracy(RowMean):
    """Share of rows whose largest probability is at the true class (for a distribution: at its first mode).

    Source: `accuracy_score` of scikit-learn.

    >>> import torch
    >>> from softlabel.metrics.accuracy import Accuracy
    >>> from softlabel.metrics.ranking import stream
    >>> score = stream(Accuracy())
    >>> score.update(torch.tensor([[0.8, 0.2], [0.6, 0.4]]).log(), torch.tensor([0, 1]))
    >>> round(score.compute(), 3)  # the first of two rows
    0.5
    """

    name = "accuracy"
    title = "accuracy"
    better = "higher"
    calibration = False

    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        true = read(truth)
        return mean_of_rows(log_probabilities.argmax(-1) == true.index, true.mass)
