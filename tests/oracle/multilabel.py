"""Scores of samples with several labels in NumPy, by counting; s scores (N, K), level (N, K) of 2, 1 and 0."""

from __future__ import annotations

import math

import numpy as np


def average_precision(s: np.ndarray, level: np.ndarray) -> float:
    """Of one class: s (N,), level (N,); each positive row's precision among the rows not scored below it."""
    s, level = s[level != 1], level[level != 1]
    precisions = [np.mean(level[s >= one] == 2) for one in s[level == 2]]
    return float(np.mean(precisions)) if precisions else math.nan


def mean_average_precision(s: np.ndarray, level: np.ndarray) -> float:
    of_classes = [average_precision(s[:, k], level[:, k]) for k in range(s.shape[1])]
    found = [one for one in of_classes if not math.isnan(one)]
    return float(np.mean(found)) if found else math.nan


def each_row(s: np.ndarray, level: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Scores of positive and of negative labels, for rows that have a positive one."""
    return [(a[b == 2], a[b == 0]) for a, b in zip(s, level, strict=True) if (b == 2).any()]


def ranking_loss(s: np.ndarray, level: np.ndarray) -> float:
    return float(np.mean([np.mean([a <= b for a in pos for b in neg]) for pos, neg in each_row(s, level) if len(neg)]))


def coverage(s: np.ndarray, level: np.ndarray) -> float:
    return float(np.mean([np.sum(pos >= min(pos)) + np.sum(neg >= min(pos)) for pos, neg in each_row(s, level)]))


def one_error(s: np.ndarray, level: np.ndarray) -> float:
    return float(np.mean([len(neg) > 0 and max(neg) >= max(pos) for pos, neg in each_row(s, level)]))


def label_ranking_precision(s: np.ndarray, level: np.ndarray) -> float:
    return float(
        np.mean(
            [
                np.mean([np.sum(pos >= one) / (np.sum(pos >= one) + np.sum(neg >= one)) for one in pos])
                for pos, neg in each_row(s, level)
            ]
        )
    )


def hamming_loss(s: np.ndarray, level: np.ndarray, threshold: float = 0.5) -> float:
    counted = level != 1
    return float(np.mean(((np.exp(s) >= threshold) != (level == 2))[counted]))


def f1(s: np.ndarray, level: np.ndarray, average: str, threshold: float = 0.5) -> float:
    found, true = (np.exp(s) >= threshold) & (level != 1), level == 2
    if average == "micro":
        found, true = found.reshape(-1, 1), true.reshape(-1, 1)
    scores = [
        2 * np.sum(found[:, k] & true[:, k]) / (np.sum(found[:, k]) + np.sum(true[:, k]))
        for k in range(found.shape[1])
        if found[:, k].any() or true[:, k].any()
    ]
    return float(np.mean(scores))
