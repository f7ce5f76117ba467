"""Agreement with votes, one row and one pair of classes at a time."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def jensen_shannon(p: list[float], q: list[float]) -> float:
    def kl(a: list[float], b: list[float]) -> float:
        return math.fsum(x * math.log(x / y) for x, y in zip(a, b, strict=True) if x > 0)

    middle = [(x + y) / 2 for x, y in zip(p, q, strict=True)]
    return (kl(p, middle) + kl(q, middle)) / 2


def kendall(p: list[float], q: list[float]) -> float:
    """tau-b by counting pairs."""
    agree = tied_p = tied_q = pairs = 0
    for i in range(len(p)):
        for j in range(i):
            a, b = np.sign(p[i] - p[j]), np.sign(q[i] - q[j])
            pairs += 1
            agree += int(a * b)
            tied_p += a == 0
            tied_q += b == 0
    both = (pairs - tied_p) * (pairs - tied_q)
    return agree / math.sqrt(both) if both else math.nan


def spearman(p: list[float], q: list[float]) -> float:
    """Pearson's correlation of mean ranks."""
    first, second = ([sum(y < x for y in s) + (sum(y == x for y in s) + 1) / 2 for x in s] for s in (p, q))
    a, b = np.array(first) - np.mean(first), np.array(second) - np.mean(second)
    size = math.sqrt((a * a).sum() * (b * b).sum())
    return float((a * b).sum() / size) if size else math.nan


def off_label(votes: list[int], prior: float) -> tuple[int, list[float]]:
    """The majority label, and the others' shares under a Dirichlet prior of so many votes."""
    label = votes.index(max(votes))
    others = [v + prior / (len(votes) - 1) for k, v in enumerate(votes) if k != label]
    return label, [v / sum(others) for v in others]
