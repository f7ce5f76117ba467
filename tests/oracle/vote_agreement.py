"""Agreement with votes, one row and one pair of classes at a time."""

from __future__ import annotations

import math


def jensen_shannon(p: list[float], q: list[float]) -> float:
    def kl(a: list[float], b: list[float]) -> float:
        return math.fsum(x * math.log(x / y) for x, y in zip(a, b, strict=True) if x > 0)

    middle = [(x + y) / 2 for x, y in zip(p, q, strict=True)]
    return (kl(p, middle) + kl(q, middle)) / 2


def kendall(p: list[float], q: list[float]) -> float:
    """Somers' D by counting pairs."""
    agree = ordered = 0
    for i in range(len(p)):
        for j in range(i):
            if q[i] != q[j]:
                ordered += 1
                agree += (p[i] > p[j]) - (p[i] < p[j]) if q[i] > q[j] else (p[i] < p[j]) - (p[i] > p[j])
    return agree / ordered if ordered else math.nan


def off_label(votes: list[int], prior: float) -> tuple[int, list[float]]:
    """The majority label, and the others' shares under a Dirichlet prior of so many votes."""
    label = votes.index(max(votes))
    others = [v + prior / (len(votes) - 1) for k, v in enumerate(votes) if k != label]
    return label, [v / sum(others) for v in others]
