"""Arithmetic that the lowered forms share: amounts per row, and products in which nothing times infinity is nothing."""

from __future__ import annotations

import torch
from torch import Tensor

from softlabel.labels.distribution import Amount
from softlabel.labels.modes import may_look, wants_gradient


def accumulation_dtype(dtype: torch.dtype) -> torch.dtype:
    """The dtype of sums over classes: float64 stays, everything else is float32."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def exact_dtype(device: torch.device) -> torch.dtype:
    """The dtype in which a Python number becomes a tensor, so that it stays exact for float64 logits."""
    return torch.float32 if device.type == "mps" else torch.float64


def per_row(amount: Tensor, shape: torch.Size, name: str) -> Tensor:
    """An amount per sample (N,) or per element, spread over a batch shape (N, ...): its axes are the leading ones.

    Raises ValueError when the shapes do not go together.
    """
    aligned = amount.reshape(amount.shape + (1,) * (len(shape) - amount.ndim)) if amount.ndim else amount
    try:
        return aligned.expand(shape)
    except RuntimeError:
        raise ValueError(
            f"{name} has shape {tuple(amount.shape)}, expected () or the leading axes of the labels' {tuple(shape)}"
        ) from None


def times(amount: Amount, values: Tensor) -> Tensor:
    """amount * values, where an amount of 0 makes minus infinity 0 instead of NaN; both keep their gradients."""
    if isinstance(amount, Tensor):
        idle = (amount == 0) & torch.isneginf(values)
        return amount.to(values.dtype) * values.masked_fill(idle, 0)
    return values * amount if amount else torch.zeros_like(values)


def surprise(share: Tensor) -> Tensor:
    """-q log q, with 0 at 0, where no gradient is passed on: a share that a softmax has rounded to 0 does not move."""
    if wants_gradient(share):
        share = share.masked_fill(share == 0, 1)
    return -torch.xlogy(share, share)


def only_known(values: Tensor, known: Tensor | None) -> Tensor:
    """Values (...), 0 where the element is ignored whatever stood there."""
    return values if known is None else torch.where(known, values, 0)


def both_known(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    """Known in both."""
    if first is None or second is None:
        return first if second is None else second
    return first & second


def dot(probabilities: Tensor, logits: Tensor) -> Tensor:
    """<q, logits> of written-out rows (..., K) -> (...), in which no probability times minus infinity is nothing."""
    logits = logits.to(accumulation_dtype(logits.dtype))
    if may_look(logits) and not wants_gradient(probabilities, logits):
        products: Tensor = torch.linalg.vecdot(probabilities.to(logits.dtype), logits)
        if not products.isnan().any():
            return products
    return times(probabilities, logits).sum(-1)
