"""Removing classes from the softmax: the label is conditioned on the classes that are left."""

from __future__ import annotations

import torch
from torch import Tensor

from softlabel.labels import Dense, LabelDistribution


def without_classes(logits: Tensor, label: LabelDistribution, left: Tensor) -> tuple[Tensor, Dense]:
    """Logits and labels (..., K) over the classes where the bool tensor `left` (K,) or (..., K) is True.

    A label without any mass on the classes left stays as it is, so that its loss is infinite and can be seen.
    """
    q = label.dense()
    kept = torch.where(left, q, 0)
    total = kept.sum(-1, keepdim=True)
    conditioned = torch.where(total > 0, kept / torch.where(total > 0, total, 1), q)
    return torch.where(left, logits, -torch.inf), Dense(conditioned, label.known)


def expected_weight(label: LabelDistribution, weight: Tensor, left: Tensor | None) -> Tensor:
    """<q, weight> of the label conditioned on the classes left: weight (K,) -> (...)."""
    if left is None:
        return label.expectation(weight)
    share = label.inner(left.to(weight.dtype).expand(*label.shape, -1))
    kept = label.inner((left * weight).expand(*label.shape, -1))
    return torch.where(share > 0, kept / torch.where(share > 0, share, 1), label.expectation(weight))
