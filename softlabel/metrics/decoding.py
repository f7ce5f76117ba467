"""How a predicted distribution over the label axis becomes a number or an interval."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Decoding = Literal["expectation", "argmax"]


def decode(log_probabilities: Tensor, grid: Tensor, decoding: Decoding) -> Tensor:
    """The predicted values, float64 (N,), from log-probabilities (N, K) and the labels' values (K,).

    expectation  the mean of the predicted distribution (Gao et al. 2018, eq. 5)
    argmax       the value of the most probable label, the first of equals
    """
    if decoding == "argmax":
        return grid[log_probabilities.argmax(-1)]
    return log_probabilities.double().softmax(-1) @ grid


def cumulative(log_probabilities: Tensor) -> Tensor:
    """F (N, K) float64: the probability of a label and all below it; the last column is 1."""
    below = log_probabilities.double().softmax(-1).cumsum(-1)
    return (below / below[:, -1:]).clamp(max=1.0)


def central_interval(log_probabilities: Tensor, grid: Tensor, level: float = 0.8) -> tuple[Tensor, Tensor]:
    """The lowest and highest label between the quantiles (1 - level) / 2 and (1 + level) / 2, each float64 (N,).

    The quantile u is the first label with F >= u, so the interval holds at least `level` of the probability.
    """
    below = cumulative(log_probabilities)
    edges = below.new_tensor([(1 - level) / 2, (1 + level) / 2]).expand(len(below), 2).contiguous()
    index = torch.searchsorted(below, edges).clamp(max=len(grid) - 1)
    low, high = grid[index].unbind(-1)
    return low, high
