"""Distances and similarities of a prediction and a truth that is a distribution (Geng 2016, table 1).

With the Kullback-Leibler divergence of `kl` these are the six that tables of label distribution learning report.
A label that has probability 0 in both adds 0 to Clark and Canberra; one that has 0 in one adds 1, its largest amount.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from softlabel.metrics.row_mean import RowMean, mean_of_rows
from softlabel.statistic import Contribution
from softlabel.truth import read


class _BetweenDistributions(RowMean):
    """A mean over rows of a function of the predicted and the true distribution; a class is taken as one-hot."""

    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        true = read(truth)
        predicted = log_probabilities.double().exp()
        return mean_of_rows(self._between(predicted, true.as_dense(predicted.shape[-1])), true.mass)

    def _between(self, p: Tensor, q: Tensor) -> Tensor:
        """Rows of predicted p and true q, both (N, K) float64, to (N,)."""
        raise NotImplementedError


class Chebyshev(_BetweenDistributions):
    """max |p - q|.

    Source: Geng, IEEE TKDE 2016, table 1.

    >>> import torch
    >>> from softlabel.metrics.distances import Chebyshev
    >>> from softlabel.metrics.ranking import stream
    >>> score = stream(Chebyshev())
    >>> score.update(torch.tensor([[0.6, 0.3, 0.1]]).log(), torch.tensor([[0.5, 0.5, 0.0]]))
    >>> round(score.compute(), 3)  # |0.3 - 0.5|
    0.2
    """

    name = "chebyshev"
    title = "Chebyshev"
    better = "lower"

    def _between(self, p: Tensor, q: Tensor) -> Tensor:
        return (p - q).abs().amax(-1)


class Clark(_BetweenDistributions):
    """The root of the sum of ((p - q) / (p + q))², between 0 and the root of K.

    Source: Geng, IEEE TKDE 2016, table 1.

    >>> import torch
    >>> from softlabel.metrics.distances import Clark
    >>> from softlabel.metrics.ranking import stream
    >>> score = stream(Clark())
    >>> score.update(torch.tensor([[0.6, 0.3, 0.1]]).log(), torch.tensor([[0.5, 0.5, 0.0]]))
    >>> round(score.compute(), 3)  # √((1 / 11)² + (2 / 8)² + 1²)
    1.035
    """

    name = "clark"
    title = "Clark"
    better = "lower"
    bounds: ClassVar[tuple[float, float]] = (0.0, math.inf)

    def _between(self, p: Tensor, q: Tensor) -> Tensor:
        return _relative_differences(p, q).square().sum(-1).sqrt()


class Canberra(_BetweenDistributions):
    """The sum of |p - q| / (p + q), between 0 and K.

    Source: Geng, IEEE TKDE 2016, table 1.

    >>> import torch
    >>> from softlabel.metrics.distances import Canberra
    >>> from softlabel.metrics.ranking import stream
    >>> score = stream(Canberra())
    >>> score.update(torch.tensor([[0.6, 0.3, 0.1]]).log(), torch.tensor([[0.5, 0.5, 0.0]]))
    >>> round(score.compute(), 3)  # 1 / 11 + 2 / 8 + 1
    1.341
    """

    name = "canberra"
    title = "Canberra"
    better = "lower"
    bounds: ClassVar[tuple[float, float]] = (0.0, math.inf)

    def _between(self, p: Tensor, q: Tensor) -> Tensor:
        return _relative_differences(p, q).sum(-1)


class Cosine(_BetweenDistributions):
    """The cosine of the angle between p and q.

    Source: Geng, IEEE TKDE 2016, table 1.

    >>> import torch
    >>> from softlabel.metrics.distances import Cosine
    >>> from softlabel.metrics.ranking import stream
    >>> score = stream(Cosine())
    >>> score.update(torch.tensor([[0.6, 0.3, 0.1]]).log(), torch.tensor([[0.5, 0.5, 0.0]]))
    >>> round(score.compute(), 3)
    0.938
    """

    name = "cosine"
    title = "cosine"
    better = "higher"

    def _between(self, p: Tensor, q: Tensor) -> Tensor:
        return torch.cosine_similarity(p, q, dim=-1).clamp(max=1.0)


class Intersection(_BetweenDistributions):
    """The sum of min(p, q): the probability that both share, 1 less their total variation.

    Source: Geng, IEEE TKDE 2016, table 1.

    >>> import torch
    >>> from softlabel.metrics.distances import Intersection
    >>> from softlabel.metrics.ranking import stream
    >>> score = stream(Intersection())
    >>> score.update(torch.tensor([[0.6, 0.3, 0.1]]).log(), torch.tensor([[0.5, 0.5, 0.0]]))
    >>> round(score.compute(), 3)  # 0.5 + 0.3 + 0
    0.8
    """

    name = "intersection"
    title = "intersection"
    better = "higher"

    def _between(self, p: Tensor, q: Tensor) -> Tensor:
        return torch.minimum(p, q).sum(-1)


def _relative_differences(p: Tensor, q: Tensor) -> Tensor:
    both = p + q
    return torch.where(both > 0, (p - q).abs() / both, 0.0)
