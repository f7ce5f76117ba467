"""Features of the test rows on their first two principal components, coloured by class, by value or by both angles."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from markupsafe import Markup

from softlabel.report.comparison import Comparison
from softlabel.report.drawing.cell_grid import CellGrid, cell_grid
from softlabel.report.drawing.label_axis import label_axis
from softlabel.report.page import Panel, Section
from softlabel.text.numbers import is_number
from softlabel.text.visible import shortened

SIZE, MARGIN, STEPS = 320.0, 6.0, 1000
POINTS_AT_MOST = 2000
NAMED_CLASSES = 12
SHADES = 12
_TITLE = "First two principal components"
_WHOLE = re.compile("[0-9]{1,6}")

Points = dict[int, list[tuple[float, float]]]
"""By class, or by place on the label axis."""


def feature_section(comparison: Comparison) -> Section | None:
    """The plane of the model that is looked at closely; None where it was not stored."""
    cell = comparison.shown_cell
    stored = cell.get("features") if cell else None
    if cell is None or not isinstance(stored, Mapping):
        return None
    points = read_points(stored.get("points"), len(comparison.class_names))
    if not points:
        return None
    axis, grid = label_axis(comparison), cell_grid(comparison)
    if grid is not None:
        panels, colour = _angles(grid, points), "their true pitch and yaw"
    elif axis is not None:
        caption = f"From {axis.values[0]:g} (blue) to {axis.told(axis.values[-1])} (orange)."
        panels = [Panel(_TITLE, _values(points, len(axis.values)), caption)]
        colour = "their true value"
    else:
        names = comparison.class_names
        panels = [Panel(_TITLE, _classes(names, points), _caption(names))]
        colour = "their class"
    shown = sum(map(len, points.values()))
    return Section(
        "Features of the test rows",
        [
            f"What the head of {cell['method']}, seed {cell['seed']}, is fed for {shown:,} test rows, seen from where "
            f"they lie widest apart (principal components){_explained(stored)}. Rows are coloured by {colour}."
        ],
        panels=panels,
    )


def read_points(written: Any, classes: int) -> Points:
    """The points of a text of x, y and class; none where it is damaged."""
    words = written.split() if isinstance(written, str) else []
    if len(words) % 3 or len(words) > 3 * POINTS_AT_MOST or not all(map(_WHOLE.fullmatch, words)):
        return {}
    found: Points = {}
    for x, y, name in zip(*(map(int, words[start::3]) for start in range(3)), strict=True):
        if x > STEPS or y > STEPS or name >= classes:
            return {}
        found.setdefault(name, []).append((_across(x), round(SIZE - _across(y), 1)))
    return dict(sorted(found.items()))


def _across(step: int) -> float:
    return round(MARGIN + (SIZE - 2 * MARGIN) * step / STEPS, 1)


def _explained(stored: Mapping[str, Any]) -> str:
    shares = stored.get("explained")
    if not isinstance(shares, list) or len(shares) != 2 or not all(map(is_number, shares)):
        return ""
    return f", which hold {100 * sum(shares):.0f} % of their variance"


def _caption(names: Sequence[str]) -> str:
    if len(names) > NAMED_CLASSES:
        return "One hue a class, in their order."
    return "Each name stands in the middle of its class."


def _angles(grid: CellGrid, points: Points) -> list[Panel]:
    """The same points twice, as a colour tells one angle."""
    width = len(grid.yaw)
    panels = []
    for title, values, places in (
        ("By pitch", grid.pitch, {name: name // width for name in points}),
        ("By yaw", grid.yaw, {name: name % width for name in points}),
    ):
        by_value: Points = {}
        for name, found in points.items():
            by_value.setdefault(places[name], []).extend(found)
        caption = f"From {values[0]:g} (blue) to {values[-1]:g} {grid.unit}".rstrip() + " (orange)."
        panels.append(Panel(title, _values(by_value, len(values)), caption))
    return panels


def _values(points: Points, labels: int) -> Markup:
    """Labels from low to high in SHADES steps from one colour to another."""
    shades: Points = {}
    for place, found in points.items():
        shades.setdefault(place * SHADES // labels, []).extend(found)
    mixed = {shade: f"var(--m2) {100 * shade // (SHADES - 1)}%,var(--m1)" for shade in shades}
    return _svg(points, [_dots(found, f"color-mix(in srgb,{mixed[shade]})") for shade, found in shades.items()])


def _classes(names: Sequence[str], points: Points) -> Markup:
    parts = [_dots(found, f"hsl({360 * name // len(names)} 62% 52%)") for name, found in points.items()]
    if len(names) <= NAMED_CLASSES:
        parts += [_name(shortened(names[name], 14), found) for name, found in points.items()]
    return _svg(points, parts)


def _dots(points: Sequence[tuple[float, float]], colour: str) -> Markup:
    outline = "".join(f"M{x:g} {y:g}h0" for x, y in points)
    style = f"fill:none;stroke:{colour};stroke-width:4;stroke-linecap:round;stroke-opacity:.75"
    return Markup('<path d="{}" style="{}"/>').format(outline, style)


def _name(text: str, points: Sequence[tuple[float, float]]) -> Markup:
    x, y = (median(along) for along in zip(*points, strict=True))
    style = "font-size:11px;font-weight:600;fill:var(--ink);text-anchor:middle;paint-order:stroke;"
    style += "stroke:var(--paper);stroke-width:3px"
    return Markup('<text x="{}" y="{}" style="{}">{}</text>').format(f"{x:g}", f"{y + 4:g}", style, text)


def _svg(points: Points, parts: Sequence[Markup]) -> Markup:
    words = "features of the test rows on their first two principal components"
    top = max(0.0, min(y for found in points.values() for _, y in found) - MARGIN)
    box = f"0 {top:g} {SIZE:g} {SIZE - top:g}"
    head = Markup('<svg viewBox="{}" role="img" aria-label="{}">').format(box, words)
    return head + Markup("").join(parts) + Markup("</svg>")
