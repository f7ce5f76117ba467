"""How logits become probabilities: shares of one whole (softmax), or each class by itself (sigmoid)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor
from torch.nn import functional as F

Link = Literal["softmax", "sigmoid"]


def log_probabilities(logits: Tensor, link: Link) -> Tensor:
    """Logits (K,), (N, K) or (N, K, ...) -> log-probabilities of that shape, in float32 at least."""
    logits = logits if logits.dtype.itemsize > 4 else logits.float()
    return logits.log_softmax(_classes(logits)) if link == "softmax" else F.logsigmoid(logits)


def probabilities(logits: Tensor, link: Link) -> Tensor:
    """Logits (K,), (N, K) or (N, K, ...) -> probabilities of that shape, which sum to 1 only under softmax."""
    return logits.softmax(_classes(logits)) if link == "softmax" else logits.sigmoid()


def _classes(logits: Tensor) -> int:
    """The axis of the classes, as in the losses."""
    return min(1, logits.ndim - 1)
