"""The interval of a share (Wilson 1927)."""

from __future__ import annotations

import math

NORMAL_975 = 1.959963984540054
"""The quantile of the normal distribution that makes an interval one of 95 %."""


def wilson_interval(share: float, count: float, z: float = NORMAL_975) -> tuple[float, float]:
    """The interval of a share seen in `count` rows, which need not be whole; 95 % unless told otherwise."""
    weight = 1 / (1 + z**2 / count)
    centre = weight * (share + z**2 / (2 * count))
    half = weight * z * math.sqrt(max(0.0, share * (1 - share)) / count + z**2 / (4 * count**2))
    return max(0.0, centre - half), min(1.0, centre + half)
