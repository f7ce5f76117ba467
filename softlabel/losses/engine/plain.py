"""The plain path: a chain of differentiable PyTorch operations, right under every transformation of PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor

from softlabel.labels.amounts import accumulation_dtype
from softlabel.losses.engine.asked import Asked
from softlabel.losses.engine.class_mask import without_classes


def plain_values(logits: Tensor, asked: Asked) -> Tensor:
    """mass · loss of each element: logits (..., K) -> (...).

    Elements of mass 0 give 0 and no gradient, whatever their logits are.
    """
    label = asked.label
    logits = logits.to(accumulation_dtype(logits.dtype))
    if asked.class_mask is not None:
        logits, label = without_classes(logits, label, asked.class_mask)
    if asked.mass is None:
        return asked.loss.values(logits, label)
    counts = asked.mass != 0
    values = asked.loss.values(torch.where(counts[..., None], logits, 0), label)
    return torch.where(counts, values * asked.mass, 0)
