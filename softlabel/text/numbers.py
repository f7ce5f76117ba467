"""How numbers are written in the report, the terminal and the card alike; what is not a finite number is a dash."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

DASH = "–"


def is_number(value: Any) -> bool:
    """True for a finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def number(value: Any, decimals: int = 3) -> str:
    """A number with fixed decimals: fewer where it is large, one digit more than zeros where it is small."""
    if not is_number(value):
        return DASH
    size = abs(value)
    if size >= 1e7 or 0 < size < 1e-6:
        return f"{value:.1e}"
    if 0 < size < 0.5 * 10.0**-decimals:
        return f"{value:.{-math.floor(math.log10(size))}f}"
    return f"{value:.{decimals if size < 100 else min(decimals, 1)}f}"


def share(value: Any) -> str:
    """A probability with two decimals; one that they would show as 0 is said to be less than 0.01."""
    return "<\u00a00.01" if is_number(value) and 0 < value < 0.005 else number(value, 2) if value else "0.00"


def signed(value: Any, decimals: int = 3) -> str:
    """A difference, always with its sign."""
    text = number(value, decimals)
    return "+" + text if is_number(value) and value > 0 else text


def interval(bounds: Sequence[Any] | None, *, sign: bool = False) -> str:
    """An interval, [low, high]; empty where there is none."""
    if not bounds or not all(is_number(bound) for bound in bounds):
        return ""
    return "[" + ", ".join(signed(bound) if sign else number(bound) for bound in bounds) + "]"


def count(value: Any) -> str:
    """A whole number with thousands separated; a sum of fractional votes keeps one decimal."""
    if not is_number(value):
        return DASH
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def duration(seconds: Any) -> str:
    """Seconds, as a person says them."""
    if not is_number(seconds):
        return DASH
    if seconds < 10:
        return f"{seconds:.1f} s"
    if round(seconds) < 120:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 120:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def bytes_of(size: Any) -> str:
    """Bytes, as a person says them: kB and MB of powers of ten."""
    if not is_number(size):
        return DASH
    return f"{size / 1e6:,.1f} MB" if size >= 1e5 else f"{size / 1e3:.0f} kB" if size >= 1e3 else f"{size:.0f} bytes"
