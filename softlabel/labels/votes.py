"""Votes of several annotators as a distribution (with a prior: the mean of a Dirichlet posterior)."""

from __future__ import annotations

import torch
from torch import Tensor

from softlabel.labels.checks import check_votes
from softlabel.labels.dense import Dense


def votes(counts: Tensor, prior: float | Tensor = 0.0, *, validate: bool = True) -> Dense:
    """The share of each class in the votes; `prior` votes are added to every class first.

    Shapes: counts (..., K) integer or floating, prior a number or (K,)  ->  labels of shape (..., K).
    Raises ValueError with the first row that is negative, not finite, or without any vote. Unchecked, a row without
    any vote is ignored.
    """
    if validate:
        check_votes(counts, prior)
    shares = counts if counts.is_floating_point() else counts.to(torch.get_default_dtype())
    shares = shares + prior
    total = shares.sum(-1, keepdim=True)
    return Dense(shares / total.masked_fill(total == 0, 1), full=validate)
