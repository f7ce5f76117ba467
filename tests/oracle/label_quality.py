"""Label quality, one row and one number at a time."""

from __future__ import annotations

import math
from typing import Any


def label_quality(probabilities: list[list[float]], given: list[int]) -> dict[str, list[Any]]:
    """The formulas of Northcutt et al. (2021) as they are written, in float64."""
    classes = range(len(probabilities[0]))
    thresholds = []
    for k in classes:
        of_class = [p[k] for p, y in zip(probabilities, given, strict=True) if y == k]
        thresholds.append(math.fsum(of_class) / len(of_class) if of_class else math.nan)
    found: dict[str, list[Any]] = {"confidence": [], "margin": [], "ambiguity": [], "suggested": [], "suspected": []}
    for p, y in zip(probabilities, given, strict=True):
        suggested = p.index(max(p))
        found["confidence"].append(p[y])
        found["margin"].append((p[y] - max(p[k] for k in classes if k != y) + 1) / 2)
        found["ambiguity"].append(-math.fsum(x * math.log(x) for x in p if x > 0) / math.log(len(p)))
        found["suggested"].append(suggested)
        found["suspected"].append(suggested != y and p[suggested] >= thresholds[suggested])
    return found | {"thresholds": thresholds}
