"""The bootstrap over rows and the adjustments of p-values, in plain loops."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import integrate, stats


def bootstrap(rows: int, score: Callable[[np.ndarray], float], resamples: int, seed: int) -> np.ndarray:
    """The score of row positions drawn again and again."""
    generator = np.random.default_rng(seed)
    return np.array([score(generator.integers(0, rows, rows)) for _ in range(resamples)])


def holm(p_values: list[float]) -> list[float]:
    """Each adjusted p-value by its definition: the largest over smaller p-values of (m - rank + 1) p."""
    order = sorted(p_values)
    return [min(1.0, max((len(order) - rank) * q for rank, q in enumerate(order) if q <= p)) for p in p_values]


def mixture_p(distance: float, seeds: int, between: float, own: float, shared: float) -> float:
    """P(|noise| > distance) by SciPy's own quadrature over w, chi² cut off so that (S - 1) s² / w >= own."""
    degrees = seeds - 1
    most = np.inf if own == 0 else degrees * between / own

    def tail(log_w: float) -> float:
        w = np.exp(log_w)
        error = np.sqrt(shared + degrees * between / w / seeds)
        return float(2 * stats.norm.sf(distance / error) * stats.chi2.pdf(w, degrees) * w)

    upper = np.log(min(most, stats.chi2.isf(1e-16, degrees)))
    lower = np.log(stats.chi2.ppf(1e-16, degrees))
    value, _ = integrate.quad(tail, lower, upper, epsabs=1e-14, epsrel=1e-12, limit=500)
    return value / float(stats.chi2.cdf(most, degrees))
