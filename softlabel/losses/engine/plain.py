"""The plain path: a chain of differentiable PyTorch operations, right under every transformation of PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor

from softlabel.labels import LabelDistribution
from softlabel.labels.amounts import accumulation_dtype
from softlabel.losses.engine.asked import Asked
from softlabel.losses.engine.class_mask import without_classes


def plain_values(logits: Tensor, asked: Asked) -> Tensor:
    """mass · (-<q, log softmax(logits)>), less the label's entropy for a divergence: logits (..., K) -> (...).

    Elements of mass 0 give 0 and no gradient, whatever their logits are.
    """
    label = asked.label
    logits = logits.to(accumulation_dtype(logits.dtype))
    if asked.class_mask is not None:
        logits, label = without_classes(logits, label, asked.class_mask)
    if asked.mass is None:
        return values_of(logits, label, asked.divergence)
    counts = asked.mass != 0
    values = values_of(torch.where(counts[..., None], logits, 0), label, asked.divergence)
    return torch.where(counts, values * asked.mass, 0)


def values_of(logits: Tensor, label: LabelDistribution, divergence: bool) -> Tensor:
    values = -label.inner(torch.log_softmax(logits, -1))
    return values - label.entropy(values.dtype) if divergence else values
