"""One predicted distribution along the label axis, small: its curve, the answer's interval, the label, the truth."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from markupsafe import Markup

from softlabel.report.drawing.label_axis import LabelAxis
from softlabel.text.numbers import is_number

_WHOLE = re.compile("[0-9]{1,5}")
WIDTH, HEIGHT, FLOOR, TOP = 200.0, 78.0, 62.0, 6.0


@dataclass(frozen=True)
class AxisSample:
    """A drawing of what was predicted, and the answer in words."""

    drawing: Markup
    said: str


def axis_sample(axis: LabelAxis, stored: Any, truth: str) -> AxisSample | None:
    """The drawing of what was stored of a row on a label axis; None where that is not whole."""
    if not isinstance(stored, Mapping):
        return None
    points = _points(axis, stored.get("shares"), stored.get("pooled"))
    if points is None or not all(is_number(stored.get(name)) for name in ("truth", "value", "low", "high")):
        return None
    said = str(stored.get("said") or "")
    label = _points(axis, stored.get("label"), stored.get("pooled"))
    words = f"predicted distribution; truth {truth}; answer {said}"
    return AxisSample(_draw(axis, points, label or [], stored, words), said)


def _points(axis: LabelAxis, written: Any, pooled: Any) -> list[tuple[float, float]] | None:
    """The middle of every stretch of labels and its share for one label; None where they do not fit the axis."""
    if not isinstance(written, str) or not isinstance(pooled, int) or pooled < 1:
        return None
    shares = written.split()
    stretches = [axis.values[start : start + pooled] for start in range(0, len(axis.values), pooled)]
    if len(stretches) != len(shares) or not all(_WHOLE.fullmatch(share) for share in shares):
        return None
    return [
        ((values[0] + values[-1]) / 2, int(share) / len(values))
        for values, share in zip(stretches, shares, strict=True)
    ]


def _draw(
    axis: LabelAxis,
    points: Sequence[tuple[float, float]],
    label: Sequence[tuple[float, float]],
    stored: Mapping[str, Any],
    words: str,
) -> Markup:
    """The label, which can be far narrower, has a height of its own."""
    low, high = axis.values[0], axis.values[-1]

    def x(value: float) -> float:
        return round(WIDTH * (min(max(value, low), high) - low) / (high - low), 1)

    def curve_of(shares: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        tallest = max((share for _, share in shares), default=0.0) or 1.0
        return [(x(value), round(FLOOR - (FLOOR - TOP) * share / tallest, 1)) for value, share in shares]

    curve = curve_of(points)
    left, right = x(stored["low"] - axis.step / 2), x(stored["high"] + axis.step / 2)
    inside = [(left, _height(curve, left)), *(p for p in curve if left < p[0] < right), (right, _height(curve, right))]
    area = [(left, FLOOR), *inside, (right, FLOOR)]
    true, answer = x(stored["truth"]), x(stored["value"])
    dotted = "fill:none;stroke:var(--muted);stroke-width:1;stroke-dasharray:1.5 1.5"
    parts = [
        _path(area, "fill:var(--accent);opacity:.22"),
        _path([(0, FLOOR), (WIDTH, FLOOR)], "fill:none;stroke:var(--line);stroke-width:1"),
        _path(curve, "fill:none;stroke:var(--accent);stroke-width:1.6;stroke-linejoin:round"),
        *([_path(curve_of(label), dotted)] if label else []),
        _path([(true, 0), (true, FLOOR)], "fill:none;stroke:var(--ink);stroke-width:1.6;stroke-dasharray:3 2"),
        _path([(answer, FLOOR), (answer - 4, FLOOR + 6), (answer + 4, FLOOR + 6)], "fill:var(--accent)"),
        _text(0, "start", f"{low:g}"),
        _text(WIDTH, "end", f"{high:g}"),
    ]
    shape = Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">').format(f"{WIDTH:g}", f"{HEIGHT:g}", words)
    return shape + Markup("").join(parts) + Markup("</svg>")


def _height(curve: Sequence[tuple[float, float]], place: float) -> float:
    """The curve between its points, and beyond them as at its ends."""
    for (x0, y0), (x1, y1) in pairwise(curve):
        if x0 <= place <= x1 and x1 > x0:
            return round(y0 + (y1 - y0) * (place - x0) / (x1 - x0), 1)
    return curve[0][1] if place < curve[0][0] else curve[-1][1]


def _path(points: Sequence[tuple[float, float]], style: str) -> Markup:
    outline = "M" + "L".join(f"{x:g} {y:g}" for x, y in points)
    return Markup('<path d="{}" style="{}"/>').format(outline, style)


def _text(x: float, anchor: str, text: str) -> Markup:
    style = f"font-size:9px;fill:var(--muted);text-anchor:{anchor}"
    return Markup('<text x="{}" y="{}" style="{}">{}</text>').format(f"{x:g}", f"{HEIGHT - 4:g}", style, text)
