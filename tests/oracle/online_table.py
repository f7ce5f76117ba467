"""Online label smoothing's table by loops over samples, float64."""

from __future__ import annotations

import numpy as np


def next_table(table: np.ndarray, batches: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """The table after an epoch of (logits (N, K), index (N,)) batches."""
    num_classes = len(table)
    rows: list[list[np.ndarray]] = [[] for _ in range(num_classes)]
    for logits, index in batches:
        for z, y in zip(logits, index, strict=True):
            if np.argmax(z) == y:
                p = np.exp(z - z.max())
                rows[y].append(p / p.sum())
    return np.stack([np.mean(found, axis=0) if found else table[y] for y, found in enumerate(rows)])
