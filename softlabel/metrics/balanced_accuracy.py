"""Balanced accuracy: every class counts the same, however rare."""

from __future__ import annotations

import torch
from torch import Tensor

from softlabel.metrics.class_means import mean_over_classes
from softlabel.metrics.statistic import Contribution, Statistic
from softlabel.metrics.truth import read


class BalancedAccuracy(Statistic):
    """The mean over the classes present in the truth of the accuracy on their rows (Brodersen et al. 2010)."""

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
