"""Scores of masks in NumPy, pixel by pixel; p (N, K, H, W), truth (N, H, W) with 255 for void."""

from __future__ import annotations

import math

import numpy as np

from tests.oracle import calibration

VOID = 255


def near_boundary(mask: np.ndarray, distance: int) -> np.ndarray:
    near = np.zeros(mask.shape, dtype=bool)
    n, height, width = mask.shape
    for i, y, x in np.ndindex(n, height, width):
        window = mask[
            i, max(0, y - distance) : min(height, y + distance + 1), max(0, x - distance) : min(width, x + distance + 1)
        ]
        near[i, y, x] = mask[i, y, x] != VOID and any(k not in (VOID, mask[i, y, x]) for k in np.unique(window))
    return near


def pixels(p: np.ndarray, truth: np.ndarray, boundary: int | None) -> tuple[np.ndarray, np.ndarray]:
    """The scored pixels as rows (M, K) and their classes (M,)."""
    scored = truth != VOID if boundary is None else near_boundary(truth, boundary)
    return np.moveaxis(p, 1, -1)[scored], truth[scored]


def class_iou(p: np.ndarray, truth: np.ndarray, boundary: int | None = None) -> list[float]:
    rows, true = pixels(p, truth, boundary)
    found = rows.argmax(1)
    unions = [np.sum((found == k) | (true == k)) for k in range(p.shape[1])]
    return [np.sum((found == k) & (true == k)) / union if union else math.nan for k, union in enumerate(unions)]


def mean_iou(p: np.ndarray, truth: np.ndarray, boundary: int | None = None) -> float:
    return float(np.nanmean(class_iou(p, truth, boundary)))


def accuracy(p: np.ndarray, truth: np.ndarray, boundary: int | None = None) -> float:
    rows, true = pixels(p, truth, boundary)
    return float(np.mean(rows.argmax(1) == true))


def nll(p: np.ndarray, truth: np.ndarray, boundary: int | None = None) -> float:
    rows, true = pixels(p, truth, boundary)
    return float(np.mean([-math.log(row[k]) for row, k in zip(rows, true, strict=True)]))


def ece(p: np.ndarray, truth: np.ndarray, boundary: int | None = None) -> float:
    rows, true = pixels(p, truth, boundary)
    return calibration.ece(rows, np.eye(p.shape[1])[true])
