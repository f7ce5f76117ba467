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
    Source: Barsoum et al., ICMI 2016, train with such shares; the prior is that of Dirichlet and multinomial (Gelman et
    al., Bayesian Data Analysis, 2013, section 3.4).

    >>> import torch
    >>> import softlabel as sl
    >>> counts = torch.tensor([[3, 1, 0]])
    >>> sl.labels.votes(counts).dense()
    tensor([[0.7500, 0.2500, 0.0000]])
    >>> sl.labels.votes(counts, prior=1.0).dense()  # no class is impossible
    tensor([[0.5714, 0.2857, 0.1429]])
    """
    if validate:
        check_votes(counts, prior)
    shares = counts if counts.is_floating_point() else counts.to(torch.get_default_dtype())
    shares = shares + prior
    total = shares.sum(-1, keepdim=True)
    return Dense(shares / total.masked_fill(total == 0, 1), full=validate)
