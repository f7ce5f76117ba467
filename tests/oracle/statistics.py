"""The bootstrap over rows, adjustments of p-values and degrees of freedom, in plain loops."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def bootstrap(rows: int, score: Callable[[np.ndarray], float], resamples: int, seed: int) -> np.ndarray:
    """The score of row positions drawn again and again."""
    generator = np.random.default_rng(seed)
    return np.array([score(generator.integers(0, rows, rows)) for _ in range(resamples)])


def holm(p_values: list[float]) -> list[float]:
    """Each adjusted p-value by its definition: the largest over smaller p-values of (m - rank + 1) p."""
    order = sorted(p_values)
    return [min(1.0, max((len(order) - rank) * q for rank, q in enumerate(order) if q <= p)) for p in p_values]


def degrees(seeds: int, between: float, own: float, shared: float) -> tuple[float, float, float]:
    """Standard error, and the degrees of freedom of an interval and of a claim, case by case."""
    of_seeds = max(between, own) / seeds
    variance = shared + of_seeds
    claim = variance / of_seeds * (seeds - 1)
    if between <= own:
        return variance**0.5, float("inf"), claim
    doubt = (1 - own / between) ** 0.25
    return variance**0.5, (variance / of_seeds) ** 2 * (seeds - 1) / doubt, claim
