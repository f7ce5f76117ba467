"""Scores of labels that are taken as present where their probability reaches a threshold.

Probabilities of each label by itself are compared with the threshold; shares of one whole, which are smaller the more
labels are present, with the threshold times the largest share of their row.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from softlabel.metrics.truth import read_levels
from softlabel.statistic import Contribution, Statistic

TRUE_POSITIVE, PREDICTED, POSITIVE, WRONG, COUNTED = range(5)


def present(log_probabilities: Tensor, threshold: float = 0.5, *, relative: bool = False) -> Tensor:
    """Which labels (N, K) reach the threshold; `relative` to the largest of their row."""
    logs = log_probabilities - log_probabilities.amax(-1, keepdim=True) if relative else log_probabilities
    return logs >= math.log(threshold)


class _Thresholded(Statistic):
    """Per class: present and found, found, present, wrong and counted rows; difficult ones are not counted."""

    width = 5

    def __init__(self, num_classes: int, threshold: float = 0.5, *, relative: bool = False) -> None:
        self.num_cells = num_classes
        self.threshold = threshold
        self.relative = relative

    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        true = read_levels(truth)
        predicted = present(log_probabilities, self.threshold, relative=self.relative) & true.counted
        wrong = (predicted != true.positive) & true.counted
        columns = [predicted & true.positive, predicted, true.positive, wrong, true.counted]
        cell = torch.arange(self.num_cells, device=truth.device).expand(truth.shape)
        return Contribution(cell, torch.stack(columns, -1).double())


class HammingLoss(_Thresholded):
    """The share of labels, over rows and classes, that are wrongly taken as present or as absent.

    Source: Schapire and Singer 1999; Tsoumakas, Katakis and Vlahavas 2010, section 7.

    >>> import torch
    >>> from softlabel.metrics.thresholded import HammingLoss
    >>> from softlabel.metrics.ranking import stream
    >>> score = stream(HammingLoss(3))
    >>> score.update(torch.tensor([[0.7, 0.2, 0.6]]).log(), torch.tensor([[2, 2, 0]]))
    >>> round(score.compute(), 3)  # 0.2 is missed, 0.6 is wrong
    0.667
    """

    name = "hamming_loss"
    title = "Hamming loss"
    better = "lower"

    def value(self, sums: Tensor) -> Tensor:
        return sums[..., WRONG].sum(-1) / sums[..., COUNTED].sum(-1)


class F1(_Thresholded):
    """F1 of all labels together (micro), or the mean of that of each class (macro).

    A class that is neither present nor found is left out of the macro mean; scikit-learn counts it as 0 or as 1.
    Source: van Rijsbergen 1979; Tsoumakas, Katakis and Vlahavas 2010, section 7.

    >>> import torch
    >>> from softlabel.metrics.thresholded import F1
    >>> from softlabel.metrics.ranking import stream
    >>> score = stream(F1(3, "micro"))
    >>> score.update(torch.tensor([[0.7, 0.2, 0.6]]).log(), torch.tensor([[2, 2, 0]]))
    >>> round(score.compute(), 3)  # 2 · 1 / (2 found + 2 present)
    0.5
    """

    better = "higher"

    def __init__(
        self,
        num_classes: int,
        average: Literal["micro", "macro"] = "micro",
        threshold: float = 0.5,
        *,
        relative: bool = False,
    ) -> None:
        super().__init__(num_classes, threshold, relative=relative)
        self.average = average
        self.name, self.title = f"f1_{average}", f"F1, {average}"

    def value(self, sums: Tensor) -> Tensor:
        if self.average == "micro":
            sums = sums.sum(-2, keepdim=True)
        both = sums[..., PREDICTED] + sums[..., POSITIVE]
        found = both > 0
        return (2 * sums[..., TRUE_POSITIVE] / both.clamp(min=1)).sum(-1) / found.sum(-1)
