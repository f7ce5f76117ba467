"""Mean average precision over the classes of samples with several labels."""

from __future__ import annotations

import torch
from torch import Tensor

from softlabel.metrics.ranking import RankingStatistic, kept_rows
from softlabel.metrics.truth import read_levels
from softlabel.statistic import Contribution


class MeanAveragePrecision(RankingStatistic):
    """mAP: the mean over classes of the area under their steps of precision against recall, without interpolation.

    AP = sum over thresholds of (R_n - R_(n-1)) P_n, rows of equal score taken together, as in scikit-learn. Rows where
    a class is difficult do not count for that class, as in VOC; a class without a positive row has no AP and is left
    out of the mean. Rows without any positive label count as negatives of every class.
    Truth (N, K) of levels: 2 positive, 1 difficult, 0 negative.
    Source: `average_precision_score` of scikit-learn; Everingham et al. 2010 (PASCAL VOC).

    >>> import torch
    >>> from softlabel.metrics.average_precision import MeanAveragePrecision
    >>> from softlabel.metrics.ranking import stream
    >>> score = stream(MeanAveragePrecision(2))
    >>> score.update(torch.tensor([[0.9, 0.2], [0.8, 0.7], [0.1, 0.6]]).log(), torch.tensor([[2, 0], [0, 2], [2, 0]]))
    >>> round(score.compute(), 3)  # ((1 + 2 / 3) / 2 + 1) / 2
    0.917
    """

    name = "map"
    title = "mAP"
    better = "higher"

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes
        self.width = 2 * num_classes

    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        """Per class the score, and 1 for positive, 0 for negative, -1 where it does not count."""
        true = read_levels(truth)
        role = true.positive.double() - (~true.counted).double()
        return kept_rows(torch.cat([log_probabilities.double(), role], -1))

    def value_of_rows(self, rows: Tensor, weights: Tensor) -> Tensor:
        per_class = self.per_class(rows, weights)
        found = ~per_class.isnan()
        return torch.where(found, per_class, 0.0).sum(0) / found.sum(0)

    def per_class(self, rows: Tensor, weights: Tensor) -> Tensor:
        """The average precision of each class, float64 (K, draws); NaN for one without a positive row."""
        scores, role = rows[:, : self.num_classes], rows[:, self.num_classes :]
        return torch.stack([_average_precision(scores[:, k], role[:, k], weights) for k in range(self.num_classes)])


def _average_precision(score: Tensor, role: Tensor, weights: Tensor) -> Tensor:
    """(draws,) from scores (N,), roles (N,) and weights (N, draws)."""
    order = score.argsort(descending=True)
    order = order[role[order] >= 0]
    score, positive = score[order], role[order] > 0
    drawn = weights[order].to(torch.float64)
    # Every positive row has the precision at the last row of its score.
    last = torch.searchsorted(-score, -score[positive], right=True) - 1
    of_positive = drawn[positive]
    reached = drawn.cumsum(0)[last]
    found = of_positive.cumsum(0)[torch.searchsorted(-score[positive], -score[positive], right=True) - 1]
    precision = torch.where(reached > 0, found / reached, 0.0)
    return (of_positive * precision).sum(0) / of_positive.sum(0)
