"""Negative log-likelihood, in nats."""

from __future__ import annotations

import math
from typing import ClassVar

from torch import Tensor

from softlabel.metrics.row_mean import ClassMean, RowMean, mean_of_rows
from softlabel.statistic import Contribution
from softlabel.truth import read


class NegativeLogLikelihood(RowMean):
    """The mean of -log p of the true class; for a distribution the cross-entropy -sum q log p.

    Source: the logarithmic score of Good (1952); Guo et al. 2017, section 2.

    >>> import torch
    >>> from softlabel.metrics.nll import NegativeLogLikelihood
    >>> from softlabel.metrics.ranking import stream
    >>> score = stream(NegativeLogLikelihood())
    >>> score.update(torch.tensor([[0.8, 0.2], [0.6, 0.4]]).log(), torch.tensor([0, 1]))
    >>> round(score.compute(), 3)  # -(log 0.8 + log 0.4) / 2
    0.57
    """

    name = "nll"
    title = "NLL"
    better = "lower"
    bounds: ClassVar[tuple[float, float]] = (0.0, math.inf)

    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        true = read(truth)
        return mean_of_rows(-true.mean_of(log_probabilities), true.mass)


class BalancedNegativeLogLikelihood(ClassMean):
    """The mean over the classes present of the NLL on their rows; a row of votes counts for its first mode.

    Where models are selected by it, a rare class weighs as much as a common one.
    Source: ours, made from the NLL as balanced accuracy is from accuracy (Brodersen et al. 2010).

    >>> import torch
    >>> from softlabel.metrics.nll import BalancedNegativeLogLikelihood
    >>> from softlabel.metrics.ranking import stream
    >>> score = stream(BalancedNegativeLogLikelihood(2))
    >>> score.update(torch.tensor([[0.9, 0.1]] * 4).log(), torch.tensor([0, 0, 0, 1]))
    >>> round(score.compute(), 3)  # -(log 0.9 + log 0.1) / 2
    1.204
    """

    name = "balanced_nll"
    title = "balanced NLL"
    better = "lower"
    bounds: ClassVar[tuple[float, float]] = (0.0, math.inf)

    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        true = read(truth)
        return mean_of_rows(-true.mean_of(log_probabilities), true.mass, true.index)
