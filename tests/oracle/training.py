"""NumPy twins of what the training floor computes."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def learning_rates(kind: str, peak: float, steps: int, warmup: int, milestones: list[float], decay: float) -> Array:
    """The rate of every step: a ramp, then the course."""
    rates = []
    for step in range(steps):
        if step < warmup:
            rate = peak * (step + 1) / warmup
        elif kind == "cosine":
            rate = 0.5 * peak * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))
        elif kind == "step":
            rate = peak * decay ** len([m for m in milestones if step / steps >= m])
        else:
            rate = peak
        rates.append(rate)
    return np.array(rates)


def moving_average(start: Array, values: list[Array], decay: float) -> Array:
    """The average after all values have been seen."""
    average = start.copy()
    for t, value in enumerate(values):
        d = min(decay, (1 + t) / (10 + t))
        average = d * average + (1 - d) * value
    return average


def total_loss(sums: dict[str, list[float]], masses: dict[str, list[float]], weights: dict[str, float]) -> float:
    """The weighted sum over terms of one quotient over all micro-batches."""
    total = 0.0
    for name in sums:
        mass = sum(masses[name])
        total += weights.get(name, 1.0) * (sum(sums[name]) / mass if mass else 0.0)
    return total
