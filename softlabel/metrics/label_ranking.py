"""Scores of the order of the labels of each sample (Tsoumakas, Katakis and Vlahavas 2010, section 7).

Truth (N, K) of levels: 2 positive, 1 difficult, 0 negative. Difficult labels are taken out of the order. A row without
a positive label has nothing to rank and is left out: scikit-learn counts it as perfect. Labels of equal score count
against the prediction. Time and memory O(N K²).
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from softlabel.metrics.row_mean import RowMean, mean_of_rows
from softlabel.metrics.truth import LevelsTruth, read_levels
from softlabel.statistic import Contribution


class RankingLoss(RowMean):
    """The mean share of pairs of a positive and a negative label in the wrong order; rows need one of each.

    Source: Tsoumakas, Katakis and Vlahavas 2010, section 7.

    >>> import torch
    >>> from softlabel.metrics.label_ranking import RankingLoss
    >>> from softlabel.metrics.ranking import stream
    >>> score = stream(RankingLoss())
    >>> score.update(torch.tensor([[0.7, 0.2, 0.6]]).log(), torch.tensor([[2, 2, 0]]))
    >>> round(score.compute(), 3)  # 0.7 is above 0.6, 0.2 is not
    0.5
    """

    name = "ranking_loss"
    title = "ranking loss"
    better = "lower"
    calibration = False

    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        true = read_levels(truth)
        pairs = true.positive[:, :, None] & true.negative[:, None, :]
        wrong = (pairs & _not_below(log_probabilities)).sum((1, 2))
        count = pairs.sum((1, 2))
        return mean_of_rows(wrong.double() / count, count > 0)


class Coverage(RowMean):
    """The mean number of labels to go through, from the top, until all positive ones are found.

    At least the number of positive labels; the definition that starts from 0 is lower by 1.
    Source: Tsoumakas, Katakis and Vlahavas 2010, section 7.

    >>> import torch
    >>> from softlabel.metrics.label_ranking import Coverage
    >>> from softlabel.metrics.ranking import stream
    >>> score = stream(Coverage())
    >>> score.update(torch.tensor([[0.7, 0.2, 0.6]]).log(), torch.tensor([[2, 2, 0]]))
    >>> round(score.compute(), 3)  # the second positive label comes third
    3.0
    """

    name = "coverage"
    title = "coverage"
    better = "lower"
    calibration = False
    bounds: ClassVar[tuple[float, float]] = (1.0, math.inf)

    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        true = read_levels(truth)
        lowest = log_probabilities.masked_fill(~true.positive, math.inf).amin(-1, keepdim=True)
        return mean_of_rows(((log_probabilities >= lowest) & true.counted).sum(-1), _any_positive(true))


class OneError(RowMean):
    """The share of rows whose first label is not positive.

    Source: Tsoumakas, Katakis and Vlahavas 2010, section 7.

    >>> import torch
    >>> from softlabel.metrics.label_ranking import OneError
    >>> from softlabel.metrics.ranking import stream
    >>> score = stream(OneError())
    >>> score.update(torch.tensor([[0.7, 0.2, 0.6]]).log(), torch.tensor([[2, 2, 0]]))
    >>> round(score.compute(), 3)  # the first label is positive
    0.0
    """

    name = "one_error"
    title = "one-error"
    better = "lower"
    calibration = False

    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        true = read_levels(truth)
        best_wrong = log_probabilities.masked_fill(~true.negative, -math.inf).amax(-1)
        best_right = log_probabilities.masked_fill(~true.positive, -math.inf).amax(-1)
        return mean_of_rows((best_wrong >= best_right) & true.negative.any(-1), _any_positive(true))


class LabelRankingPrecision(RowMean):
    """The mean over rows, and over their positive labels, of the share of positive ones among those not ranked below.

    Label ranking average precision, also called example-based average precision.
    Source: Tsoumakas, Katakis and Vlahavas 2010, section 7.

    >>> import torch
    >>> from softlabel.metrics.label_ranking import LabelRankingPrecision
    >>> from softlabel.metrics.ranking import stream
    >>> score = stream(LabelRankingPrecision())
    >>> score.update(torch.tensor([[0.7, 0.2, 0.6]]).log(), torch.tensor([[2, 2, 0]]))
    >>> round(score.compute(), 3)  # (1 / 1 + 2 / 3) / 2
    0.833
    """

    name = "label_ranking_precision"
    title = "label ranking AP"
    better = "higher"
    calibration = False

    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        true = read_levels(truth)
        before = _not_below(log_probabilities)
        rank = (before & true.counted[:, None, :]).sum(-1)
        right = (before & true.positive[:, None, :]).sum(-1)
        precision = torch.where(true.positive, right.double() / rank, 0.0)
        return mean_of_rows(precision.sum(-1) / true.positive.sum(-1), _any_positive(true))


def _not_below(scores: Tensor) -> Tensor:
    """Whether label j is not ranked below label i, (N, i, j)."""
    return scores[:, None, :] >= scores[:, :, None]


def _any_positive(true: LevelsTruth) -> Tensor:
    return true.positive.any(-1)
