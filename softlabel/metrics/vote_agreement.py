"""How well a predicted distribution agrees with people's votes, row by row; and how well people agree with each other.

    Jensen-Shannon    (KL(p | m) + KL(q | m)) / 2 with m = (p + q) / 2, in nats, from 0 to log 2
    Kendall           tau-b over pairs of classes, which counts ties of either side out (Kendall 1945)
    Spearman          correlation of the ranks of the classes, ties at their mean rank
    off-label         the distribution over the other classes, given that it is not the majority label

Votes are few, so people's off-label distribution is estimated under a symmetric Dirichlet prior that weighs as much as
one vote. What people can know of each other is estimated from halves of each row's votes, drawn without replacement.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

MOST_PAIRS = 2**22
"""Pairs of classes, over all rows, that are compared at once."""
MOST_SLOTS = 2**22
"""Votes that are shuffled at once."""


def jensen_shannon(p: Tensor, q: Tensor) -> Tensor:
    """The divergence (N,) of distributions p and q, both (N, K), in float64; 0 where they are equal."""
    p, q = p.double(), q.double()
    middle = (p + q) / 2
    divergence: Tensor = torch.special.entr(middle) - (torch.special.entr(p) + torch.special.entr(q)) / 2
    return divergence.sum(-1).clamp(0.0, math.log(2))


def rank_agreement(p: Tensor, q: Tensor) -> tuple[Tensor, Tensor]:
    """Kendall's tau-b and Spearman's rho (N,) float64 of scores (N, K); NaN for a row whose scores are all equal."""
    rows = max(1, MOST_PAIRS // p.shape[-1] ** 2)
    parts = [_ranked(*some) for some in zip(torch.split(p, rows), torch.split(q, rows), strict=True)]
    kendall, spearman = zip(*parts, strict=True) if parts else ((p.new_zeros(0),), (p.new_zeros(0),))
    return torch.cat(kendall).double(), torch.cat(spearman).double()


def without(values: Tensor, label: Tensor) -> Tensor:
    """Values (N, K) without the one of each row's class `label` (N,): (N, K - 1)."""
    num_classes = values.shape[-1]
    kept = torch.arange(num_classes, device=values.device) != label[:, None]
    return values[kept].view(len(values), num_classes - 1)


def shares(votes: Tensor, prior: float = 0.0) -> Tensor:
    """Votes (N, M) as float64 shares, under a symmetric Dirichlet prior that weighs as much as `prior` votes."""
    counts = votes.double() + prior / votes.shape[-1]
    return counts / counts.sum(-1, keepdim=True)


def halves(votes: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Each row's whole votes (N, K), dealt at random: floor(n / 2) of them, and the others."""
    if not len(votes):
        return votes, votes
    rows = max(1, MOST_SLOTS // max(1, int(votes.sum(-1).max())))
    first = torch.cat([_half(some, generator) for some in torch.split(votes, rows)])
    return first, votes - first


def bootstrap_interval(
    values: Tensor, generator: torch.Generator, draws: int = 1000, level: float = 0.95
) -> tuple[float, float]:
    """The percentile interval of the mean of values (N,) when its rows are drawn again; NaN without rows."""
    if not len(values):
        return math.nan, math.nan
    at_once = max(1, MOST_SLOTS // len(values))
    means = []
    for start in range(0, draws, at_once):
        drawn = torch.randint(len(values), (min(at_once, draws - start), len(values)), generator=generator)
        means.append(values[drawn].double().mean(-1))
    edges = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
    low, high = torch.cat(means).quantile(edges).tolist()
    return low, high


def _ranked(p: Tensor, q: Tensor) -> tuple[Tensor, Tensor]:
    first, second = ((s[:, :, None] - s[:, None, :]).sign() for s in (p.double(), q.double()))
    kendall = (first * second).sum((1, 2)) / (first.square().sum((1, 2)) * second.square().sum((1, 2))).sqrt()
    one, other = first.sum(-1), second.sum(-1)  # twice the ranks, less their mean
    spearman = (one * other).sum(-1) / (one.square().sum(-1) * other.square().sum(-1)).sqrt()
    return kendall, spearman


def _half(votes: Tensor, generator: torch.Generator) -> Tensor:
    counts = votes.long()
    total = counts.sum(-1)
    slots = int(total.max())
    place = torch.arange(slots)
    kind = torch.searchsorted(counts.cumsum(-1), place.expand(len(counts), slots).contiguous(), right=True)
    key = torch.rand(len(counts), slots, generator=generator).masked_fill(place >= total[:, None], 2.0)
    drawn = place < (total // 2)[:, None]
    taken = kind.gather(1, key.argsort(-1)).clamp(max=counts.shape[-1] - 1)
    first = torch.zeros_like(counts).scatter_add_(1, taken, drawn.long())
    return first.to(votes.dtype)
