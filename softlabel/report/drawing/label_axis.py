"""The label axis of a comparison: the labels' values, their training rows, and what one step is called."""

from __future__ import annotations

import math
from dataclasses import dataclass

from softlabel.report.comparison import Comparison
from softlabel.text.numbers import is_number
from softlabel.text.visible import shortened

UNIT_LENGTH = 24


@dataclass(frozen=True)
class LabelAxis:
    """Values of the labels, ascending, and their places by name; training rows of each; the unit, or nothing."""

    values: list[float]
    places: dict[str, int]
    training: list[float]
    unit: str

    def told(self, value: float) -> str:
        """A value with its unit."""
        return f"{value:g} {self.unit}".rstrip()

    @property
    def step(self) -> float:
        """From one label to the next."""
        return (self.values[-1] - self.values[0]) / (len(self.values) - 1)

    @property
    def title(self) -> str:
        """What the axis of a drawing is called."""
        return f"true value, {self.unit}" if self.unit else "true value"


def label_axis(comparison: Comparison) -> LabelAxis | None:
    """The axis of a task whose labels are numbers; None for classes."""
    if not any(cell["details"].get("by_value") for cell in comparison.cells):
        return None
    values = [_number(name) for name in comparison.class_names]
    if len(values) < 2 or any(not math.isfinite(value) for value in values) or values != sorted(set(values)):
        return None
    counts = comparison.results["data"].get("training_counts") or []
    known = [count if is_number(count) else 0.0 for count in counts]
    training = known if len(known) == len(values) else [0.0] * len(values)
    places = {f"{value:g}": place for place, value in enumerate(values)}
    return LabelAxis(values, places, training, unit_of(comparison))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def unit_of(comparison: Comparison) -> str:
    """What one step of the values is called, or nothing."""
    text = ((comparison.results.get("settings") or {}).get("axis") or {}).get("unit")
    return shortened(text, UNIT_LENGTH) if isinstance(text, str) else ""
