"""How logits become probabilities: shares of one whole (softmax), or each class by itself (sigmoid)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor
from torch.nn import functional as F

Link = Literal["softmax", "sigmoid"]


def log_probabilities(logits: Tensor, link: Link) -> Tensor:
    """Logits (..., K) -> log-probabilities (..., K) in float32 at least."""
    logits = logits if logits.dtype.itemsize > 4 else logits.float()
    return logits.log_softmax(-1) if link == "softmax" else F.logsigmoid(logits)


def probabilities(logits: Tensor, link: Link) -> Tensor:
    """Logits (..., K) -> probabilities (..., K), which sum to 1 only under softmax."""
    return logits.softmax(-1) if link == "softmax" else logits.sigmoid()
