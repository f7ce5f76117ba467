"""The tables that methods learned instead of one-hot labels, as heat maps."""

from __future__ import annotations

from typing import Any

from softlabel.report.comparison import Comparison
from softlabel.report.drawing.heat_map import DRAWN_CLASSES, NUMBERED_CLASSES, heat_map
from softlabel.report.page import Panel, Section, Table
from softlabel.text.numbers import DASH, is_number, number

LISTED = 8


def learned_section(comparison: Comparison) -> Section | None:
    """What the methods with a table learned; None where there is no such method."""
    cells = list(filter(None, (_cell_with_table(comparison, method) for method in comparison.methods)))
    if not cells:
        return None
    numbered = max(len(cell["table"]["column_names"]) for cell in cells) <= NUMBERED_CLASSES
    lead = "The label that each class ended up with. Colour shows what lies off the diagonal: classes held to be alike."
    drawn = [panel for cell in cells if (panel := _panel(cell))]
    return Section(
        "Learned labels",
        [lead + (" Numbers are percent." if numbered and drawn else "")],
        panels=drawn,
        beside=True,
        tables=[_closest(cell) for cell in cells],
        folded=[_table(cell) for cell in cells if len(cell["table"]["column_names"]) <= DRAWN_CLASSES],
    )


def _cell_with_table(comparison: Comparison, method: str) -> dict[str, Any] | None:
    """The kept cell if it is of this method, else the method's first seed."""
    cells = [cell for cell in comparison.of(method) if cell.get("table")]
    kept = [cell for cell in cells if cell is comparison.shown_cell]
    return (kept + cells)[0] if cells else None


def _who(cell: dict[str, Any]) -> str:
    return f"{cell['method']}, seed {cell['seed']}"


def _panel(cell: dict[str, Any]) -> Panel | None:
    table = cell["table"]
    texts = [[_percent(value) for value in row] for row in table["values"]]
    names = ("class", "label distribution")
    drawn = heat_map(table["values"], texts, table["row_names"], table["column_names"], names, table["title"])
    return Panel(f"{table['title']} ({_who(cell)})", drawn) if drawn else None


def _percent(value: Any) -> str:
    if not is_number(value):
        return DASH
    return f"{100 * value:.0f}" if value >= 0.005 else ""


def _closest(cell: dict[str, Any]) -> Table:
    table = cell["table"]
    found = [
        (value, row, column)
        for row, values in zip(table["row_names"], table["values"], strict=True)
        for column, value in zip(table["column_names"], values, strict=True)
        if row != column and is_number(value)
    ]
    found.sort(key=lambda entry: -entry[0])
    rows = [[row, column, number(value, 4)] for value, row, column in found[:LISTED]]
    return Table(
        f"Largest shares off the diagonal ({_who(cell)})", ["class", "share given to", "share"], rows, frozenset({1})
    )


def _table(cell: dict[str, Any]) -> Table:
    table = cell["table"]
    rows = [
        [name, *(number(value, 4) for value in row)]
        for name, row in zip(table["row_names"], table["values"], strict=True)
    ]
    return Table(f"{table['title']} ({_who(cell)})", ["class", *table["column_names"]], rows)
