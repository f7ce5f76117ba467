"""Which labels are probably wrong, and which samples are ambiguous (Northcutt, Jiang and Chuang, JAIR 70, 2021).

From out-of-sample probabilities p (N, K) and given labels y (N,):

    self-confidence   p_i,y
    margin            (p_i,y - max over k != y of p_i,k + 1) / 2, from 0 (another label is certain) to 1
    threshold t_k     mean of p_i,k over the rows labelled k
    suspected         another class than y has the largest probability, and it reaches that class's threshold
    ambiguity         entropy of p_i divided by log K, from 0 (decided) to 1 (all classes alike)

A class that the model is seldom sure of has a low threshold, so its rows are not all suspected, nor are those of other
classes that look like it. In the paper (equation 2) the suggested class is the largest among those that reach their
thresholds; here it must be the largest of all too, as in the authors' program.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CHUNK = 65_536
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LabelQuality:
    """What the probabilities say of every label: (N,) each, thresholds (K,), NaN for a class without rows."""

    confidence: Floats
    margin: Floats
    ambiguity: Floats
    suggested: NDArray[np.int64]
    suspected: NDArray[np.bool_]
    thresholds: Floats


def label_quality(probabilities: NDArray[np.floating], given: NDArray[np.int64]) -> LabelQuality:
    """Judge labels (N,) by out-of-sample probabilities (N, K) with K >= 2; rows are taken CHUNK at a time.

    Raises ValueError for other shapes, and for labels outside 0 ... K - 1.
    """
    if probabilities.ndim != 2 or probabilities.shape[1] < 2 or given.shape != probabilities.shape[:1]:
        raise ValueError(f"probabilities {probabilities.shape} and labels {given.shape}, expected (N, K) and (N,)")
    num_rows, num_classes = probabilities.shape
    if num_rows and not 0 <= given.min() <= given.max() < num_classes:
        raise ValueError(f"labels from {given.min()} to {given.max()}, expected 0 to {num_classes - 1}")
    confidence, other, entropy = (np.empty(num_rows) for _ in range(3))
    suggested = np.empty(num_rows, dtype=np.int64)
    for start in range(0, num_rows, CHUNK):
        part = slice(start, start + CHUNK)
        p = probabilities[part].astype(np.float64)
        place = np.arange(len(p)), given[part]
        suggested[part] = p.argmax(1)
        entropy[part] = -(p * np.log(np.where(p > 0, p, 1.0))).sum(1)
        confidence[part] = p[place]
        p[place] = -np.inf
        other[part] = p.max(1)
    thresholds = _class_means(confidence, given, num_classes)
    largest = np.maximum(confidence, other)
    return LabelQuality(
        confidence=confidence,
        margin=(confidence - other + 1) / 2,
        ambiguity=(entropy / np.log(num_classes)).clip(0.0, 1.0),
        suggested=suggested,
        suspected=(suggested != given) & (largest >= thresholds[suggested]),
        thresholds=thresholds,
    )


def _class_means(values: Floats, given: NDArray[np.int64], num_classes: int) -> Floats:
    counts = np.bincount(given, minlength=num_classes)
    sums = np.bincount(given, weights=values, minlength=num_classes)
    means: Floats = np.divide(sums, counts, out=np.full(num_classes, np.nan), where=counts > 0)
    return means
