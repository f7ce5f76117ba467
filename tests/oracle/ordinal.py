"""Scores of values on a label axis in NumPy, float64, one row at a time. `truth` is (N, 2): value and sigma."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np


def mean(scores: list[float]) -> float:
    return float(np.mean(scores)) if scores else math.nan


def decoded(p: np.ndarray, grid: np.ndarray, decoding: str) -> float:
    if decoding == "argmax":
        return float(grid[np.argmax(p)])
    return math.fsum(a * b for a, b in zip(p, grid, strict=True))


def over_values(p: np.ndarray, truth: np.ndarray, score: Callable[[np.ndarray, float], float]) -> float:
    return mean([score(row, value) for row, (value, _) in zip(p, truth, strict=True) if not math.isnan(value)])


def mae(p: np.ndarray, truth: np.ndarray, grid: np.ndarray, decoding: str = "expectation") -> float:
    return over_values(p, truth, lambda row, value: abs(decoded(row, grid, decoding) - value))


def cumulative_score(
    p: np.ndarray, truth: np.ndarray, grid: np.ndarray, theta: float, decoding: str = "expectation"
) -> float:
    return over_values(p, truth, lambda row, value: float(abs(decoded(row, grid, decoding) - value) <= theta))


def epsilon_error(p: np.ndarray, truth: np.ndarray, grid: np.ndarray, decoding: str = "expectation") -> float:
    return mean(
        [
            1 - math.exp(-((decoded(row, grid, decoding) - value) ** 2) / (2 * sigma**2))
            for row, (value, sigma) in zip(p, truth, strict=True)
            if not math.isnan(value) and sigma > 0
        ]
    )


def nearest(grid: np.ndarray, value: float) -> int:
    return int(np.argmin(np.abs(grid - value)))


def nearest_nll(p: np.ndarray, truth: np.ndarray, grid: np.ndarray) -> float:
    return over_values(p, truth, lambda row, value: -math.log(row[nearest(grid, value)]))


def crps_row(p: np.ndarray, value: float, grid: np.ndarray) -> float:
    """E|X - y| - E|X - X'| / 2 (Gneiting and Raftery 2007, eq. 21)."""
    return float(p @ np.abs(grid - value) - 0.5 * p @ np.abs(grid[:, None] - grid) @ p)


def crps(p: np.ndarray, truth: np.ndarray, grid: np.ndarray) -> float:
    return over_values(p, truth, lambda row, value: crps_row(row, value, grid))


def interval(p: np.ndarray, grid: np.ndarray, level: float = 0.8) -> tuple[float, float]:
    ends = []
    for u in ((1 - level) / 2, (1 + level) / 2):
        k, below = 0, p[0]
        while below < u and k < len(p) - 1:
            k += 1
            below += p[k]
        ends.append(float(grid[k]))
    return ends[0], ends[1]


def coverage_error(p: np.ndarray, truth: np.ndarray, grid: np.ndarray, level: float = 0.8) -> float:
    def within(row: np.ndarray, value: float) -> float:
        low, high = interval(row, grid, level)
        return float(low <= value <= high)

    return abs(over_values(p, truth, within) - level)


def interval_width(p: np.ndarray, truth: np.ndarray, grid: np.ndarray, level: float = 0.8) -> float:
    return over_values(p, truth, lambda row, _: float(np.diff(interval(row, grid, level))[0]))


def quantile_ece(p: np.ndarray, truth: np.ndarray, grid: np.ndarray, num_levels: int = 20) -> float:
    def below(row: np.ndarray, value: float, u: float) -> float:
        k = nearest(grid, value)
        start, end = sum(row[:k]), sum(row[: k + 1])
        return float(np.interp(u, [start, end], [0.0, 1.0]))

    gaps = []
    for u in np.arange(1, num_levels) / num_levels:
        gaps.append(abs(over_values(p, truth, lambda row, value, u=u: below(row, value, u)) - u))
    return float(np.mean(gaps))
