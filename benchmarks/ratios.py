"""The statistics of a race: ratios of each round, their median, and the middle half of them."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import TypedDict


class Middle(TypedDict):
    """Median, and lower and upper quartile."""

    median: float
    middle_half: list[float]


class Compared(TypedDict):
    """The median of a contestant's own figures, and its ratios to another one's."""

    median: float
    ratio: Middle


def middle(values: Sequence[float]) -> Middle:
    """Median and middle half of at least one value; quartiles between values are interpolated."""
    if len(values) == 1:
        return {"median": values[0], "middle_half": [values[0], values[0]]}
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return {"median": median, "middle_half": [low, high]}


def ratios(of: Sequence[float], to: Sequence[float]) -> Middle:
    """Median and middle half of the ratios of equal rounds."""
    return middle([a / b for a, b in zip(of, to, strict=True)])


def compared(rounds: Mapping[str, Sequence[float]], to: str) -> dict[str, Compared]:
    """Every contestant beside one of them."""
    return {name: {"median": statistics.median(own), "ratio": ratios(own, rounds[to])} for name, own in rounds.items()}


def shown(found: Middle, form: str = ".2f") -> str:
    """A median with its middle half in brackets."""
    low, high = (format(value, form) for value in found["middle_half"])
    return f"{found['median']:{form}} [{low}, {high}]"
