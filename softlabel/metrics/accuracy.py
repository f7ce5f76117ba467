"""Accuracy."""

from __future__ import annotations

import torch
from torch import Tensor

from softlabel.metrics.truth import read
from softlabel.statistic import Contribution, Statistic


class Accuracy(Statistic):
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
    num_cells = 1
    width = 2

    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        true = read(truth)
        correct = (log_probabilities.argmax(-1) == true.index) * true.mass
        return Contribution(torch.zeros_like(true.index), torch.stack([correct, true.mass], -1))

    def value(self, sums: Tensor) -> Tensor:
        return sums[..., 0, 0] / sums[..., 0, 1]
