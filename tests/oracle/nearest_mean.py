"""The nearest class mean, float64 NumPy, written as the released code of Kang et al. does it."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def nearest_class_mean(seen: Array, index: Array, asked: Array, features: str, distance: str) -> Array:
    """The class of each row asked (M, D), from the means of rows seen (N, D) of classes index (N,)."""
    center = seen.mean(0) if features == "centred" else 0.0

    def made(rows: Array) -> Array:
        moved = rows - center
        return moved if features == "plain" else moved / np.linalg.norm(moved, axis=1, keepdims=True)

    means = np.stack([made(seen)[index == k].mean(0) for k in np.unique(index)])
    points = made(asked)
    if distance == "cosine":
        return np.asarray((points @ (means / np.linalg.norm(means, axis=1, keepdims=True)).T).argmax(1))
    squares = ((points[:, None] - means[None]) ** 2).sum(2)
    return np.asarray(np.unique(index)[squares.argmin(1)])
