"""Confusion of the model that is looked at closely: which classes it takes for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from softlabel.report.comparison import Comparison
from softlabel.report.drawing.heat_map import DRAWN_CLASSES, NUMBERED_CLASSES, heat_map
from softlabel.report.page import Panel, Section, Table
from softlabel.text.numbers import count, number

LISTED = 10


def confusion_section(comparison: Comparison) -> Section | None:
    """Which classes are taken for which; None where the task has no confusion."""
    cell = comparison.shown_cell
    confusion = cell["details"].get("confusion") if cell else None
    if cell is None or not confusion:
        return None
    names = comparison.class_names
    who = f"{cell['method']}, seed {cell['seed']}"
    shares = [[value / max(sum(row), 1) for value in row] for row in confusion]
    texts = [[count(value) if value else "" for value in row] for row in confusion]
    drawn = heat_map(shares, texts, names, names, ("truth", "prediction"), f"Confusion of {who}")
    how = "Numbers: test rows. " if len(names) <= NUMBERED_CLASSES else ""
    return Section(
        "Confusion",
        [f"{'The kept model' if comparison.kept else 'The first run of the best rank'} ({who}), on the test split."],
        panels=[Panel("Truth against prediction", drawn, f"{how}Colour: share of the class's rows.")] if drawn else [],
        beside=True,
        tables=[largest(confusion, names)],
        folded=[_table(confusion, names)] if len(names) <= DRAWN_CLASSES else [],
    )


def largest(confusion: Sequence[Sequence[Any]], names: Sequence[str]) -> Table:
    """The confusions with the most rows."""
    found = [
        (value, truth, prediction)
        for truth, row in enumerate(confusion)
        for prediction, value in enumerate(row)
        if value and truth != prediction
    ]
    found.sort(key=lambda entry: (-entry[0], entry[1], entry[2]))
    rows = [
        [names[truth], names[prediction], count(value), number(value / max(sum(confusion[truth]), 1))]
        for value, truth, prediction in found[:LISTED]
    ]
    title = "Largest confusions" if rows else "No test row was taken for another class"
    return Table(title, ["truth", "taken for", "rows", "share of the class"], rows, frozenset({1}))


def _table(confusion: Sequence[Sequence[Any]], names: Sequence[str]) -> Table:
    rows = [[name, *map(count, row)] for name, row in zip(names, confusion, strict=True)]
    return Table("Truth (rows) against prediction (columns)", ["truth", *names], rows)
