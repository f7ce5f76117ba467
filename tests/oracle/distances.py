"""Distances of distributions in NumPy, float64, one label at a time; p predicted, q true, both (N, K)."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tests.oracle.metrics import kept


def over_rows(p: np.ndarray, q: np.ndarray, distance: Callable[[list[float], list[float]], float]) -> float:
    p, q = kept(p, q)
    return float(np.mean([distance(a, b) for a, b in zip(p.tolist(), q.tolist(), strict=True)])) if len(p) else np.nan


def relative(a: list[float], b: list[float]) -> list[float]:
    return [abs(x - y) / (x + y) for x, y in zip(a, b, strict=True) if x + y > 0]


def chebyshev(p: np.ndarray, q: np.ndarray) -> float:
    return over_rows(p, q, lambda a, b: max(abs(x - y) for x, y in zip(a, b, strict=True)))


def clark(p: np.ndarray, q: np.ndarray) -> float:
    return over_rows(p, q, lambda a, b: math.sqrt(sum(r * r for r in relative(a, b))))


def canberra(p: np.ndarray, q: np.ndarray) -> float:
    return over_rows(p, q, lambda a, b: sum(relative(a, b)))


def cosine(p: np.ndarray, q: np.ndarray) -> float:
    return over_rows(p, q, lambda a, b: float(np.dot(a, b)) / (math.hypot(*a) * math.hypot(*b)))


def intersection(p: np.ndarray, q: np.ndarray) -> float:
    return over_rows(p, q, lambda a, b: sum(min(x, y) for x, y in zip(a, b, strict=True)))
