"""Precision and recall of each class of the run that is looked at closely; the worst classes first, by name."""

from __future__ import annotations

from typing import Any

from softlabel.report.comparison import Comparison
from softlabel.report.page import Cell, Section, Table
from softlabel.text.numbers import DASH, count, interval, is_number, number
from softlabel.text.visible import shortened
from softlabel.wilson import wilson_interval

WORST = 10
LONGEST_NAME = 40

Row = dict[str, Any]


def class_section(comparison: Comparison) -> Section | None:
    """None where rows have no one class."""
    cell = comparison.shown_cell
    rows = [row for row in (cell or {}).get("details", {}).get("per_class") or [] if row["test_count"]]
    if cell is None or not any("precision" in row for row in rows):
        return None
    names = comparison.class_names
    confused = _confused(cell["details"].get("confusion"), names)
    worst = sorted(rows, key=lambda row: (row["accuracy"], -row["test_count"]))
    some = worst[:WORST]
    title = f"The {WORST} least recognised classes" if len(rows) > WORST else "All classes"
    named = ", ".join(shortened(str(row["class"]), LONGEST_NAME) for row in some[:3])
    return Section(
        "Classes",
        [f"Of {cell['method']}, seed {cell['seed']}. Least recognised: {named}."],
        tables=[_table(title, some, confused)],
        folded=[_table("All classes", worst, confused)] if len(rows) > WORST else [],
    )


def _table(title: str, rows: list[Row], confused: dict[str, str]) -> Table:
    columns = ["class", "recall", "precision", "test rows", "training rows"]
    columns += ["most often taken for"] if confused else []
    return Table(title, columns, [_row(row, confused) for row in rows], frozenset({5}))


def _row(row: Row, confused: dict[str, str]) -> list[Cell | str]:
    recall, tested = row["accuracy"], row["test_count"]
    bounds = interval(wilson_interval(recall, tested)) if is_number(recall) and tested else ""
    cells: list[Cell | str] = [
        Cell(shortened(str(row["class"]), LONGEST_NAME), tone="strong"),
        Cell(number(recall), bounds),
        number(row.get("precision")),
        count(tested),
        count(round(row["training_count"])),
    ]
    return [*cells, *([confused.get(str(row["class"]), DASH)] if confused else [])]


def _confused(confusion: list[list[float]] | None, names: list[str]) -> dict[str, str]:
    """By class, the other class that its rows most often get, and how many of them."""
    found = {}
    for true, row in enumerate(confusion or []):
        others = [(rows, answer) for answer, rows in enumerate(row) if answer != true and rows]
        if others:
            rows, answer = max(others, key=lambda one: one[0])
            found[names[true]] = f"{shortened(names[answer], LONGEST_NAME)} ({count(round(rows))})"
    return found
