"""Balanced accuracy: every class counts the same, however rare."""

from __future__ import annotations

from torch import Tensor

from softlabel.metrics.row_mean import ClassMean, mean_of_rows
from softlabel.statistic import Contribution
from softlabel.truth import read


class BalancedAccuracy(ClassMean):
    """The mean over the classes present in the truth of the accuracy on their rows (Brodersen et al. 2010).

    >>> import torch
    >>> from softlabel.metrics.balanced_accuracy import BalancedAccuracy
    >>> from softlabel.metrics.ranking import stream
    >>> score = stream(BalancedAccuracy(2))
    >>> score.update(torch.tensor([[0.9, 0.1]] * 4).log(), torch.tensor([0, 0, 0, 1]))
    >>> round(score.compute(), 3)  # accuracy is 0.75
    0.5
    """

    name = "balanced_accuracy"
    title = "balanced accuracy"
    better = "higher"
    calibration = False

    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        true = read(truth)
        return mean_of_rows(log_probabilities.argmax(-1) == true.index, true.mass, true.index)
