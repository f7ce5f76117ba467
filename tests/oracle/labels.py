"""Float64 NumPy twins of the label distributions: every label written out, class axis last."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def hard(index: NDArray[np.int64], num_classes: int, ignore_index: int = -100) -> Array:
    known = index != ignore_index
    return np.eye(num_classes)[np.where(known, index, 0)] * known[..., None]


def smoothed(
    index: NDArray[np.int64], num_classes: int, epsilon: float | Array, convention: str, ignore_index: int = -100
) -> Array:
    known = index != ignore_index
    rate = np.broadcast_to(epsilon, (num_classes,))[np.where(known, index, 0)][..., None]
    one_hot = hard(index, num_classes, ignore_index)
    if convention == "uniform":
        rows = (1 - rate) * one_hot + rate / num_classes
    else:
        rows = (1 - rate) * one_hot + rate / (num_classes - 1) * (1 - one_hot)
    return rows * known[..., None]


def from_table(index: NDArray[np.int64], table: Array, ignore_index: int = -100) -> Array:
    known = index != ignore_index
    return table[np.where(known, index, 0)] * known[..., None]


def votes(counts: Array, prior: float = 0.0) -> Array:
    return (counts + prior) / (counts + prior).sum(-1, keepdims=True)


def top_k(values: Array, indices: NDArray[np.int64], num_classes: int, rest: str) -> Array:
    rows = np.zeros((*values.shape[:-1], num_classes))
    listed = np.zeros(rows.shape, dtype=bool)
    np.put_along_axis(rows, indices, values, -1)
    np.put_along_axis(listed, indices, True, -1)
    total = values.sum(-1, keepdims=True)
    if rest == "renormalise":
        return rows / total
    unlisted = num_classes - values.shape[-1]
    return np.where(listed, rows, (1 - total) / max(unlisted, 1))


def mix(a: Array, b: Array, weight: float | Array) -> Array:
    weight = np.asarray(weight, dtype=np.float64)
    weight = weight.reshape(weight.shape + (1,) * (a.ndim - weight.ndim)) if weight.ndim else weight
    known = (a.sum(-1) > 0) & (b.sum(-1) > 0)
    return (weight * a + (1 - weight) * b) * known[..., None]


def entropy(rows: Array) -> Array:
    return -(rows * np.log(np.where(rows > 0, rows, 1))).sum(-1)


def inner(rows: Array, logits: Array) -> Array:
    return np.where(rows != 0, rows * np.where(rows != 0, logits, 0), 0).sum(-1)


def class_epsilon(counts, head, tail, form):
    """Label-aware smoothing, one class at a time (MiSLAS, equations 7 to 9)."""
    largest, smallest = max(counts), min(counts)
    found = []
    for count in counts:
        r = 1.0 if largest == smallest else (count - smallest) / (largest - smallest)
        rise = {
            "linear": tail + (head - tail) * r,
            "concave": tail + (head - tail) * np.sin(r * np.pi / 2),
            "convex": head + (head - tail) * np.sin(1.5 * np.pi + r * np.pi / 2),
        }
        found.append(rise[form])
    return np.array(found)
