"""Scores in NumPy, float64, one row at a time where that is clearest. Truth is always a distribution (N, K)."""

from __future__ import annotations

import numpy as np


def one_hot(index: np.ndarray, num_classes: int) -> np.ndarray:
    """Class indices (N,) as distributions (N, K); rows of zeros where negative."""
    rows = np.zeros((len(index), num_classes))
    for row, k in enumerate(index):
        if k >= 0:
            rows[row, k] = 1.0
    return rows


def kept(probabilities: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Without the rows that are ignored."""
    rows = truth.sum(1) > 0
    return probabilities[rows], truth[rows]


def accuracy(p: np.ndarray, q: np.ndarray) -> float:
    p, q = kept(p, q)
    return float(np.mean(p.argmax(1) == q.argmax(1))) if len(p) else np.nan


def mean_over_classes(values: np.ndarray, q: np.ndarray, members: np.ndarray | None = None) -> float:
    means = [
        values[q.argmax(1) == k].mean()
        for k in range(q.shape[1])
        if (q.argmax(1) == k).any() and (members is None or members[k])
    ]
    return float(np.mean(means)) if means else np.nan


def balanced_accuracy(p: np.ndarray, q: np.ndarray, members: np.ndarray | None = None) -> float:
    p, q = kept(p, q)
    return mean_over_classes((p.argmax(1) == q.argmax(1)).astype(float), q, members)


def row_nll(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return -np.array(
        [sum(b * np.log(a) for a, b in zip(pr, qr, strict=True) if b > 0) for pr, qr in zip(p, q, strict=True)]
    )


def nll(p: np.ndarray, q: np.ndarray) -> float:
    p, q = kept(p, q)
    return float(row_nll(p, q).mean()) if len(p) else np.nan


def balanced_nll(p: np.ndarray, q: np.ndarray) -> float:
    p, q = kept(p, q)
    return mean_over_classes(row_nll(p, q), q)


def kl(p: np.ndarray, q: np.ndarray) -> float:
    p, q = kept(p, q)
    entropy = -np.array([sum(b * np.log(b) for b in qr if b > 0) for qr in q])
    return float((row_nll(p, q) - entropy).mean()) if len(p) else np.nan


def brier(p: np.ndarray, q: np.ndarray) -> float:
    p, q = kept(p, q)
    return float(((p - q) ** 2).sum(1).mean()) if len(p) else np.nan
