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
    Source: Gao et al., IJCAI 2018, equation 5 (expectation).

    >>> import torch
    >>> from softlabel.metrics.decoding import decode
    >>> log_probabilities, grid = torch.tensor([[0.2, 0.5, 0.3]]).log(), torch.arange(3.0).double()
    >>> [round(decode(log_probabilities, grid, how).item(), 3) for how in ("expectation", "argmax")]
    [1.1, 1.0]
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
    Source: central prediction intervals of Gneiting and Raftery 2007, section 6.2.

    >>> import torch
    >>> from softlabel.metrics.decoding import central_interval
    >>> log_probabilities, ages = torch.tensor([[0.05, 0.15, 0.6, 0.15, 0.05]]).log(), torch.arange(20.0, 25.0)
    >>> central_interval(log_probabilities, ages, level=0.8)
    (tensor([21.]), tensor([23.]))
    """
    below = cumulative(log_probabilities)
    edges = below.new_tensor([(1 - level) / 2, (1 + level) / 2]).expand(len(below), 2).contiguous()
    index = torch.searchsorted(below, edges).clamp(max=len(grid) - 1)
    low, high = grid[index].unbind(-1)
    return low, high
