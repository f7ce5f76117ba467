"""How well a predicted distribution agrees with people's votes, row by row; and how well people agree with each other.

    Jensen-Shannon    (KL(p | m) + KL(q | m)) / 2 with m = (p + q) / 2, in nats, from 0 to log 2
    Kendall           of the pairs of classes that the votes order, those that the prediction orders alike, less those
                      that it orders the other way (Somers' D of the prediction, 1962; Kendall's tau where nothing ties)
    off-label         the distribution over the other classes, given that it is not the majority label

Classes without votes tie. Tau-b and Spearman's rho count it for two halves of the voters that they tie in the same
classes, and against a model that it ties in none; pairs that the votes do not order say nothing here.

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
    """The divergence (N,) of distributions p and q, both (N, K), in float64; 0 where they are equal.

    Source: Lin, IEEE Transactions on Information Theory 1991.

    >>> import torch
    >>> from softlabel.metrics.vote_agreement import jensen_shannon
    >>> people, model = torch.tensor([[0.5, 0.5], [1.0, 0.0]]), torch.tensor([[0.5, 0.5], [0.0, 1.0]])
    >>> jensen_shannon(model, people)  # alike, and as far apart as can be: log 2
    tensor([0.0000, 0.6931], dtype=torch.float64)
    """
    p, q = p.double(), q.double()
    middle = (p + q) / 2
    divergence: Tensor = torch.special.entr(middle) - (torch.special.entr(p) + torch.special.entr(q)) / 2
    return divergence.sum(-1).clamp(0.0, math.log(2))


def rank_agreement(p: Tensor, q: Tensor) -> Tensor:
    """Somers' D (N,) float64 of predicted p given votes q, both (N, K), from -1 to 1; NaN where q orders no pair.

    Source: Somers 1962.

    >>> import torch
    >>> from softlabel.metrics.vote_agreement import rank_agreement
    >>> votes = torch.tensor([[6.0, 3.0, 0.0]] * 2)
    >>> rank_agreement(torch.tensor([[0.5, 0.3, 0.2], [0.5, 0.2, 0.3]]), votes)  # all pairs, and one the other way
    tensor([1.0000, 0.3333], dtype=torch.float64)
    """
    rows = max(1, MOST_PAIRS // p.shape[-1] ** 2)
    return torch.cat([_ordered_alike(*some) for some in zip(torch.split(p, rows), torch.split(q, rows), strict=True)])


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


def _ordered_alike(p: Tensor, q: Tensor) -> Tensor:
    predicted, voted = ((s[:, :, None] - s[:, None, :]).sign() for s in (p.double(), q.double()))
    return (predicted * voted).sum((1, 2)) / voted.square().sum((1, 2))


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
