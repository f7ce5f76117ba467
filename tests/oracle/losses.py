"""Float64 NumPy twins of the losses, class axis last, and their gradients in the logits in closed form."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tests.oracle.labels import entropy, inner

Array = NDArray[np.float64]


def log_softmax(logits: Array) -> Array:
    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def condition(rows: Array, class_mask: NDArray[np.bool_]) -> Array:
    kept = np.where(class_mask, rows, 0)
    total = kept.sum(-1, keepdims=True)
    return np.where(total > 0, kept / np.where(total > 0, total, 1), rows)


def loss(
    logits: Array,
    rows: Array,
    *,
    weight: Array | None = None,
    sample_weight: Array | None = None,
    mask: NDArray[np.bool_] | None = None,
    class_mask: NDArray[np.bool_] | None = None,
    divergence: bool = False,
    gamma: float = 0.0,
) -> tuple[Array, Array, Array]:
    """Values and masses of each element, and the gradient of the sum of the values; with a gamma, of the focal loss."""
    if class_mask is not None:
        logits, rows = np.where(class_mask, logits, -np.inf), condition(rows, class_mask)
    mass = (rows.sum(-1) > 0).astype(np.float64)
    if weight is not None:
        mass = mass * (rows * weight).sum(-1)
    for factor in (sample_weight, mask):
        if factor is not None:
            mass = mass * np.broadcast_to(factor.reshape(factor.shape + (1,) * (mass.ndim - factor.ndim)), mass.shape)
    log_p = log_softmax(logits)
    p, rest = np.exp(log_p), -np.expm1(log_p)
    values = -inner(rows, rest**gamma * log_p) - (entropy(rows) if divergence else 0)
    # d/dp of -(1 - p)^gamma log p, times p; p log p is 0 at both ends, where a power of 1 - p may be infinite
    moved = np.multiply(p, log_p, out=np.zeros_like(p), where=p > 0)
    steep = np.power(rest, gamma - 1, out=np.zeros_like(p), where=rest > 0)
    slope = gamma * moved * steep - rest**gamma
    gradient = mass[..., None] * (rows * slope - p * (rows * slope).sum(-1, keepdims=True))
    return mass * values, mass, gradient


def reduced(values: Array, mass: Array, reduction: str) -> Array:
    if reduction == "none":
        return values
    if reduction == "sum":
        return values.sum()
    return values.sum() / mass.sum() if mass.sum() > 0 else np.zeros(())
