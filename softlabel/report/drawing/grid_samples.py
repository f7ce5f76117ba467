"""One predicted distribution over cells of pitch and yaw, small: a map, the answer, the true angles."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from softlabel.report.drawing.axis_samples import AxisSample
from softlabel.report.drawing.cell_grid import CellGrid
from softlabel.text.numbers import is_number

_WHOLE = re.compile("[0-9]{1,5}")
WIDTH, HEIGHT, FLOOR = 200.0, 134.0, 120.0
TONES = 8


def grid_sample(grid: CellGrid, stored: Any, truth: str) -> AxisSample | None:
    """The drawing of what was stored of a row on a grid of two angles; None where that is not whole."""
    if not isinstance(stored, Mapping):
        return None
    shares = _shares(grid, stored.get("shares"), stored.get("pooled"))
    if shares is None or not all(is_number(stored.get(name)) for name in _ANGLES):
        return None
    said = str(stored.get("said") or "")
    return AxisSample(_draw(grid, shares, stored, f"predicted distribution; truth {truth}; answer {said}"), said)


_ANGLES = ("true_pitch", "true_yaw", "pitch", "yaw")


def _shares(grid: CellGrid, written: Any, pooled: Any) -> list[list[int]] | None:
    """Shares by stretch of pitch and of yaw; None where they do not fit the grid."""
    if not isinstance(written, str) or not isinstance(pooled, int) or pooled < 1:
        return None
    rows, columns = (-(-len(values) // pooled) for values in (grid.pitch, grid.yaw))
    shares = written.split()
    if len(shares) != rows * columns or not all(_WHOLE.fullmatch(share) for share in shares):
        return None
    return [list(map(int, shares[row * columns : (row + 1) * columns])) for row in range(rows)]


def _draw(grid: CellGrid, shares: Sequence[Sequence[int]], stored: Mapping[str, Any], words: str) -> Markup:
    rows, columns = _edges(len(grid.pitch), stored["pooled"], FLOOR), _edges(len(grid.yaw), stored["pooled"], WIDTH)
    tallest = max(max(map(max, shares)), 1)
    tones: dict[int, list[str]] = {}
    for row, own in enumerate(shares):
        for column, share in enumerate(own):
            (left, right), (low, high) = columns[column], rows[row]
            outline = f"M{left:.1f} {FLOOR - low:.1f}H{right:.1f}V{FLOOR - high:.1f}H{left:.1f}z"
            tones.setdefault(round(TONES * share / tallest), []).append(outline)
    true = (_along(grid.yaw, stored["true_yaw"], WIDTH), FLOOR - _along(grid.pitch, stored["true_pitch"], FLOOR))
    answer = (_along(grid.yaw, stored["yaw"], WIDTH), FLOOR - _along(grid.pitch, stored["pitch"], FLOOR))
    parts = [
        _path(f"M0 0H{WIDTH:g}V{FLOOR:g}H0z", "fill:none;stroke:var(--line);stroke-width:1"),
        *(
            _path("".join(cells), f"fill:var(--accent);opacity:{tone / TONES:g}")
            for tone, cells in sorted(tones.items())
            if tone
        ),
        _path(_cross(*true), "fill:none;stroke:var(--ink);stroke-width:2.2"),
        _path(_ring(*answer), "fill:var(--paper);stroke:var(--ink);stroke-width:1.6"),
        _text(0, "start", f"yaw {grid.yaw[0]:g}"),
        _text(WIDTH, "end", f"{grid.yaw[-1]:g}"),
    ]
    shape = Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">').format(f"{WIDTH:g}", f"{HEIGHT:g}", words)
    return shape + Markup("").join(parts) + Markup("</svg>")


def _edges(labels: int, pooled: int, length: float) -> list[tuple[float, float]]:
    """Where each stretch of `pooled` labels begins and ends; the last may be shorter."""
    starts = range(0, labels, pooled)
    return [(length * start / labels, length * min(start + pooled, labels) / labels) for start in starts]


def _along(values: Sequence[float], value: float, length: float) -> float:
    """Where a value lies in a drawing in which every label has as much room."""
    half = (values[-1] - values[0]) / (len(values) - 1) / 2
    low, high = values[0] - half, values[-1] + half
    return length * (min(max(value, low), high) - low) / (high - low)


def _cross(x: float, y: float) -> str:
    return f"M{x - 5:.1f} {y - 5:.1f}l10 10M{x - 5:.1f} {y + 5:.1f}l10 -10"


def _ring(x: float, y: float) -> str:
    return f"M{x - 3.5:.1f} {y:.1f}a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0z"


def _path(outline: str, style: str) -> Markup:
    return Markup('<path d="{}" style="{}"/>').format(outline, style)


def _text(x: float, anchor: str, text: str) -> Markup:
    style = f"font-size:9px;fill:var(--muted);text-anchor:{anchor}"
    return Markup('<text x="{}" y="{}" style="{}">{}</text>').format(f"{x:g}", f"{HEIGHT - 3:g}", style, text)
