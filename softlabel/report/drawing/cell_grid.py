"""The grid of two angles of a comparison: the values of pitch and yaw, the training rows of every cell, the unit."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from softlabel.report.comparison import Comparison
from softlabel.report.drawing.label_axis import unit_of
from softlabel.text.numbers import is_number

_NAME = re.compile(r"pitch (\S{1,24}) yaw (\S{1,24})")


@dataclass(frozen=True)
class CellGrid:
    """Values of pitch and of yaw, ascending; training rows by cell, yaw running fastest; the unit, or nothing."""

    pitch: list[float]
    yaw: list[float]
    training: list[float]
    unit: str

    def told(self) -> str:
        """Both spans, with the unit."""
        spans = f"pitch {self.pitch[0]:g} to {self.pitch[-1]:g}, yaw {self.yaw[0]:g} to {self.yaw[-1]:g}"
        return f"{spans} {self.unit}".rstrip()


def cell_grid(comparison: Comparison) -> CellGrid | None:
    """The grid of a task whose labels are cells of pitch and yaw; None for all others."""
    if not any(cell["details"].get("by_cell") for cell in comparison.cells):
        return None
    found = [_NAME.fullmatch(str(name)) for name in comparison.class_names]
    pairs = [(_number(match[1]), _number(match[2])) for match in found if match]
    pitch, yaw = (sorted({pair[place] for pair in pairs}) for place in (0, 1))
    if len(pairs) != len(found) or pairs != [(a, b) for a in pitch for b in yaw] or min(len(pitch), len(yaw)) < 2:
        return None
    counts = comparison.results["data"].get("training_counts") or []
    known = [count if is_number(count) else 0.0 for count in counts]
    training = known if len(known) == len(pairs) else [0.0] * len(pairs)
    return CellGrid(pitch, yaw, training, unit_of(comparison))


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan
