"""Brier score (Brier 1950), summed over classes."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from softlabel.metrics.row_mean import RowMean, mean_of_rows
from softlabel.statistic import Contribution
from softlabel.truth import read


class Brier(RowMean):
    """The mean over rows of the sum over classes of (p - q)²: from 0 to 2, not halved and not divided by K.

    q is the truth, one-hot for a class.
    Source: Brier, Monthly Weather Review 1950.

    >>> import torch
    >>> from softlabel.metrics.brier import Brier
    >>> from softlabel.metrics.ranking import stream
    >>> score = stream(Brier())
    >>> score.update(torch.tensor([[0.8, 0.2], [0.6, 0.4]]).log(), torch.tensor([0, 1]))
    >>> round(score.compute(), 3)  # (0.2² + 0.2² + 0.6² + 0.6²) / 2
    0.4
    """

    name = "brier"
    title = "Brier"
    better = "lower"
    bounds: ClassVar[tuple[float, float]] = (0.0, 2.0)

    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        true = read(truth)
        probabilities = log_probabilities.double().exp()
        # |p - q|² as |p|² - 2 <p, q> + |q|² needs no dense truth for a class.
        own = true.mass if true.dense is None else true.dense.square().sum(-1)
        score = probabilities.square().sum(-1) - 2 * true.mean_of(probabilities) + own
        return mean_of_rows(score.clamp(min=0.0), true.mass)
