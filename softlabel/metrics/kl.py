"""Kullback-Leibler divergence from the prediction to a truth that is a distribution."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from softlabel.metrics.row_mean import RowMean, mean_of_rows
from softlabel.statistic import Contribution
from softlabel.truth import read


class KullbackLeibler(RowMean):
    """The mean of sum q (log q - log p) in nats: the NLL less the entropy of the truth, which no model can remove.

    Source: Kullback and Leibler (1951); Geng, IEEE TKDE 2016, table 1.

    >>> import torch
    >>> from softlabel.metrics.kl import KullbackLeibler
    >>> from softlabel.metrics.ranking import stream
    >>> score = stream(KullbackLeibler())
    >>> score.update(torch.tensor([[0.6, 0.3, 0.1]]).log(), torch.tensor([[0.5, 0.5, 0.0]]))
    >>> round(score.compute(), 3)  # 0.5 log(0.5 / 0.6) + 0.5 log(0.5 / 0.3)
    0.164
    """

    name = "kl"
    title = "KL"
    better = "lower"
    bounds: ClassVar[tuple[float, float]] = (0.0, math.inf)

    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        true = read(truth)
        entropy = 0.0 if true.dense is None else torch.special.entr(true.dense).sum(-1)
        return mean_of_rows(-true.mean_of(log_probabilities) - entropy, true.mass)
