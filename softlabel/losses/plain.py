"""The plain path: a chain of differentiable PyTorch operations, right under every transformation of PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor

from softlabel.labels import Dense, LabelDistribution
from softlabel.labels.amounts import accumulation_dtype


def plain_values(logits: Tensor, label: LabelDistribution, scale: Tensor, divergence: bool) -> Tensor:
    """scale · (-<q, log softmax(logits)>), less the label's entropy for a divergence: logits (..., K) -> (...).

    Elements of scale 0 give 0 and no gradient, whatever their logits are.
    """
    logits = logits.to(accumulation_dtype(logits.dtype))
    counts = scale != 0
    logits = torch.where(counts[..., None], logits, 0)
    values = -label.inner(torch.log_softmax(logits, -1))
    if divergence:
        values = values - label.entropy()
    return torch.where(counts, values * scale, 0)


def without_classes(logits: Tensor, label: LabelDistribution, class_mask: Tensor) -> tuple[Tensor, Dense]:
    """Remove classes from the softmax, and condition the label on those that are left.

    A label without mass on the classes left keeps its mass on a removed one, so its loss is infinite.
    """
    q = label.dense()
    left = torch.where(class_mask, q, 0)
    total = left.sum(-1, keepdim=True)
    conditioned = torch.where(total > 0, left / torch.where(total > 0, total, 1), q)
    return torch.where(class_mask, logits, -torch.inf), Dense(conditioned, label.known)
