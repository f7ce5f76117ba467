"""Balanced accuracy: every class counts the same, however rare."""

from __future__ import annotations

import torch
from torch import Tensor

from softlabel.metrics.row_mean import mean_over_classes
from softlabel.metrics.truth import read
from softlabel.statistic import Contribution, Statistic


class BalancedAccuracy(Statistic):
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
    width = 2

    def __init__(self, num_classes: int) -> None:
        self.num_cells = num_classes

    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        true = read(truth)
        correct = (log_probabilities.argmax(-1) == true.index) * true.mass
        return Contribution(true.index, torch.stack([correct, true.mass], -1))

    def value(self, sums: Tensor) -> Tensor:
        return mean_over_classes(sums)
