"""Newton's method in log beta, kept inside a bracket that every evaluation narrows."""

from __future__ import annotations

import math
from collections.abc import Callable

from softlabel.calibration.slope import Slope

# The error after a Newton step is of the order of the step's square: 1e-7 of the temperature.
STEP_SMALL_ENOUGH = 3e-4
# Where (nearly) all rows are right, the slope falls like exp(-beta) and Newton only creeps towards the end.
PATIENCE, MOST_STEPS = 8, 80


def minimise(evaluate: Callable[[float], Slope], low: float, high: float, start: float) -> tuple[float, Slope, int]:
    """The minimum of the likelihood in theta = log beta on [low, high].

    Returns theta, the slope at the last evaluation (within a step of 3e-4 of theta), and the number of evaluations.
    An end of the bracket is returned only if the likelihood still falls there on its way out.
    """
    theta = min(max(start, low), high)
    below, above = low, high  # the minimum lies between them, once they have been evaluated
    seen: set[float] = set()
    for steps in range(1, MOST_STEPS + 1):
        slope = evaluate(math.exp(theta))
        seen.add(theta)
        if slope.first > 0:
            above = theta
        else:
            below = theta
        if above == low or below == high:
            return theta, slope, steps
        proposed = theta + _newton_step(math.exp(theta), slope)
        if steps > PATIENCE and steps % 2:
            proposed = math.copysign(math.inf, proposed - theta)
        if below < proposed < above:
            if abs(proposed - theta) < STEP_SMALL_ENOUGH:
                return proposed, slope, steps
            theta = proposed
        else:
            theta = _inside(proposed, below, above, seen)
        if above - below < 1e-9:
            return theta, slope, steps
    return theta, slope, MOST_STEPS


def _newton_step(beta: float, slope: Slope) -> float:
    # d/dtheta = beta first; d²/dtheta² = beta² second + beta first, of which the second part may be negative.
    curvature = beta**2 * slope.second + max(0.0, beta * slope.first)
    if curvature > 0:
        return -beta * slope.first / curvature
    return -math.inf if slope.first > 0 else math.inf


def _inside(proposed: float, below: float, above: float, seen: set[float]) -> float:
    """Where to look after a step that leaves the bracket: at the end it left by, if new, else in the middle."""
    end = below if proposed <= below else above
    return (below + above) / 2 if end in seen else end
