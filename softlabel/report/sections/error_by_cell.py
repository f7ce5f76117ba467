"""Error on the grid of pitch and yaw: how far off the model that is looked at closely is in every cell."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from softlabel.report.comparison import Comparison, Json
from softlabel.report.drawing.cell_grid import CellGrid, cell_grid
from softlabel.report.drawing.heat_map import NUMBERED_CLASSES, heat_map
from softlabel.report.page import Panel, Section, Table
from softlabel.text.numbers import count, is_number, number

_STORED = ("pitch", "yaw", "test_count", "pitch_error", "yaw_error", "absolute_error")
LISTED = 10


@dataclass(frozen=True)
class GridCell:
    """A cell that test rows have: its place, its rows, and the mean absolute errors of pitch, yaw and both."""

    place: int
    name: str
    training: float
    test: float
    pitch_error: float
    yaw_error: float
    error: float


def cell_section(comparison: Comparison) -> Section | None:
    """Where on the grid the shown model errs; None for tasks without one."""
    grid, cell = cell_grid(comparison), comparison.shown_cell
    rows = cell_rows(grid, cell) if grid and cell else []
    if grid is None or cell is None or not rows:
        return None
    who = f"{cell['method']}, seed {cell['seed']}"
    named = f"Numbers: mean error{f' in {grid.unit}' if grid.unit else ''}. " if _numbered(grid) else ""
    errors = _draw(grid, {row.place: row.error for row in rows}, f"Mean absolute error of {who} by pitch and yaw")
    training = _draw(grid, dict(enumerate(grid.training)), "Training rows by pitch and yaw", whole=True)
    panels = [
        ("Mean absolute error", errors, f"{named}{_extremes(grid, rows)} A cell without test rows is empty."),
        ("Training rows", training, f"Rows whose nearest cell it is, at most {count(max(grid.training))}."),
    ]
    return Section(
        "Error by pitch and yaw",
        [f"{'The kept model' if comparison.kept else 'The first run of the best rank'} ({who}), on the test split."],
        panels=[Panel(title, drawn, caption) for title, drawn, caption in panels if drawn],
        tables=[_table("Largest errors", sorted(rows, key=lambda row: -row.error)[:LISTED])],
        folded=[_table("Errors of every cell", rows)],
    )


def _extremes(grid: CellGrid, rows: list[GridCell]) -> str:
    """The numbers at both ends of the colours."""
    least, greatest = (number(end(row.error for row in rows), 1) for end in (min, max))
    return f"From {least} to {greatest} {grid.unit}".rstrip() + ", darker where it is larger."


def cell_rows(grid: CellGrid, cell: Json) -> list[GridCell]:
    """What was stored of each cell of the grid that test rows have."""
    places = {f"{a:g} {b:g}": k for k, (a, b) in enumerate((a, b) for a in grid.pitch for b in grid.yaw)}
    found = []
    for row in cell["details"].get("by_cell") or []:
        if not all(is_number(row.get(name)) for name in _STORED) or row["test_count"] <= 0:
            continue
        place = places.get(f"{row['pitch']:g} {row['yaw']:g}")
        if place is not None:
            name = f"pitch {row['pitch']:g}, yaw {row['yaw']:g}"
            errors = (row["pitch_error"], row["yaw_error"], row["absolute_error"])
            found.append(GridCell(place, name, grid.training[place], row["test_count"], *errors))
    return found


def _draw(grid: CellGrid, values: dict[int, float], description: str, *, whole: bool = False) -> Markup | None:
    """The grid with pitch upwards."""
    places = [range(row * len(grid.yaw), (row + 1) * len(grid.yaw)) for row in reversed(range(len(grid.pitch)))]
    coloured = [[values.get(place, 0.0) for place in row] for row in places]
    texts = [[_written(values.get(place, math.nan), whole) for place in row] for row in places]
    pitch, yaw = ([f"{value:g}" for value in axis] for axis in (grid.pitch[::-1], grid.yaw))
    titles = (f"pitch, {grid.unit}", f"yaw, {grid.unit}") if grid.unit else ("pitch", "yaw")
    return heat_map(coloured, texts, pitch, yaw, titles, description, diagonal=False)


def _written(value: Any, whole: bool) -> str:
    if not is_number(value):
        return ""
    return (count(value) if value else "") if whole else f"{value:.2g}"


def _numbered(grid: CellGrid) -> bool:
    return max(len(grid.pitch), len(grid.yaw)) <= NUMBERED_CLASSES


def _table(title: str, rows: list[GridCell]) -> Table:
    cells = [
        [row.name, count(row.training), count(row.test), *map(number, (row.error, row.pitch_error, row.yaw_error))]
        for row in rows
    ]
    return Table(title, ["cell", "training", "test", "error of both", "of pitch", "of yaw"], cells)
