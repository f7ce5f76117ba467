"""Calibration errors and the temperature in NumPy and SciPy, float64. Truth is a distribution (N, K)."""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy import optimize, special


def bins(confidence: np.ndarray, num_bins: int) -> np.ndarray:
    """Right-closed equal-width bins by NumPy's own rule; exactly 0 goes to the first."""
    edges = np.arange(num_bins + 1) / num_bins
    return np.maximum(np.digitize(confidence, edges.astype(confidence.dtype), right=True), 1) - 1


def top(p: np.ndarray, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows = q.sum(1) > 0
    p, q = p[rows], q[rows]
    best = p.argmax(1)
    return p[np.arange(len(p)), best], q[np.arange(len(p)), best]


def gaps(p: np.ndarray, q: np.ndarray, num_bins: int) -> list[tuple[float, float, float, float]]:
    """(rows, confidence, accuracy, gap) of each non-empty bin."""
    confidence, correct = top(p, q)
    index = bins(confidence, num_bins)
    found = []
    for b in range(num_bins):
        inside = index == b
        if inside.any():
            c, a = confidence[inside].astype(float).mean(), correct[inside].mean()
            found.append((float(inside.sum()), c, a, a - c))
    return found


def ece(p: np.ndarray, q: np.ndarray, num_bins: int = 15) -> float:
    found = gaps(p, q, num_bins)
    return sum(n * abs(g) for n, _, _, g in found) / sum(n for n, *_ in found) if found else np.nan


def mce(p: np.ndarray, q: np.ndarray, num_bins: int = 15) -> float:
    found = gaps(p, q, num_bins)
    return max(abs(g) for *_, g in found) if found else np.nan


def debiased(p: np.ndarray, q: np.ndarray, num_bins: int = 15, draws: int = 200_000) -> float:
    """Twice the plug-in less its mean over drawn accuracies."""
    generator = np.random.default_rng(0)
    found = gaps(p, q, num_bins)
    total = sum(n for n, *_ in found)
    redrawn = sum(
        n * np.abs(generator.normal(a, np.sqrt(max(0.0, a * (1 - a)) / n), draws) - c).mean() for n, c, a, _ in found
    )
    return 2 * ece(p, q, num_bins) - redrawn / total


def debiased_squared(p: np.ndarray, q: np.ndarray, num_bins: int = 15) -> float:
    """verified_calibration: a bin of one row adds nothing, but its row counts among all N."""
    total = sum(n for n, *_ in gaps(p, q, num_bins))
    found = [one for one in gaps(p, q, num_bins) if one[0] >= 2]
    return sum(n / total * (g**2 - a * (1 - a) / (n - 1)) for n, _, a, g in found)


def adaptive(p: np.ndarray, q: np.ndarray, num_bins: int = 15) -> float:
    """Rows in order of confidence; each run of ties goes whole to the bin in which its first row falls."""
    confidence, correct = top(p, q)
    order = np.argsort(confidence, kind="stable")
    confidence, correct = confidence[order].astype(float), correct[order]
    sums = np.zeros((num_bins, 2))
    home = 0
    for place in range(len(order)):
        if place == 0 or confidence[place] != confidence[place - 1]:
            home = place * num_bins // len(order)
        sums[home] += confidence[place], correct[place]
    return float(np.abs(sums[:, 0] - sums[:, 1]).sum() / len(order))


def classwise(p: np.ndarray, q: np.ndarray, num_bins: int = 15) -> float:
    rows = q.sum(1) > 0
    p, q = p[rows], q[rows]
    errors = []
    for k in range(p.shape[1]):
        index = bins(p[:, k], num_bins)
        errors.append(
            sum(abs((p[index == b, k].astype(float) - q[index == b, k]).sum()) for b in range(num_bins)) / len(p)
        )
    return float(np.mean(errors))


def left_out_gain(logits: np.ndarray, q: np.ndarray, mass: np.ndarray, group: np.ndarray) -> float:
    """Every group left out in turn, a temperature fitted to the others from scratch; per mass, less that at T = 1."""

    def loss(rows: np.ndarray, log_beta: float) -> float:
        logs = special.log_softmax(np.exp(log_beta) * logits[rows], axis=1)
        return float(-(mass[rows] * (q[rows] * logs).sum(1)).sum())

    gain = 0.0
    for one in np.unique(group):
        out = group == one
        of_others = partial(loss, ~out)
        fitted = optimize.minimize_scalar(
            of_others, bounds=(-np.log(20), np.log(20)), method="bounded", options={"xatol": 1e-9}
        )
        gain += loss(out, 0.0) - loss(out, fitted.x)
    return gain / float(mass.sum())


def temperature(logits: np.ndarray, q: np.ndarray, class_weight: np.ndarray | None = None) -> float:
    """The minimum of the likelihood by SciPy's bounded search over 1/T."""
    mass = q.sum(1) if class_weight is None else q @ class_weight
    labelled = np.where(q > 0, q * logits, 0.0).sum(1)

    def slope(beta: float) -> float:
        p = special.softmax(beta * logits, axis=1)
        return float((mass * ((p * logits).sum(1) - labelled)).sum())

    return 1 / optimize.brentq(slope, 1 / 20, 1 / 0.05, xtol=1e-13)
