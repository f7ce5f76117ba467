"""The table at the end of a comparison, for a terminal: whole numbers or none, in the width there is."""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from softlabel.report.columns import GAP, NAME_WIDTH, Column, cut, fitting, least_name, shown_name, total_width
from softlabel.report.comparison import (
    ARROWS,
    CONSTANT,
    Comparison,
    among_others,
    difference,
    mean_and_spread,
    rank,
    temperature_told,
    why_kept,
)
from softlabel.report.sections.achieved import achieved
from softlabel.text.numbers import DASH, bytes_of, duration, interval, signed

LABEL_WIDTH = 9
_WANTED_SCORES = re.compile(r"ece|accuracy|accuracy_few|cs_.*|crps|mae_pitch|mae_yaw")

_COLOURS = {"better": "\x1b[32m", "worse": "\x1b[31m"}
_BOLD, _PLAIN = "\x1b[1m", "\x1b[0m"
_ASCII = str.maketrans({"±": "+-", "↓": "v", "↑": "^", DASH: "-", "…": "."})
_SHORT_VERDICTS = {"no more than noise": "noise"}


def comparison_table(results: Mapping[str, Any], width: int = 80, colour: bool = False, unicode: bool = True) -> str:
    """The ranking and the verdict of results.json as plain text, at most `width` columns wide.

    No number is ever cut: columns that do not fit go into further tables below, or are left out where the report is
    the place for them, and only long names are shortened.
    `colour` is ignored where NO_COLOR is set; `unicode=False` keeps to ASCII.
    """
    comparison = Comparison(results)
    paint = colour and not os.environ.get("NO_COLOR")
    lines = [*_tables(comparison, width, paint, unicode), *_remarks(comparison, width)]
    text = "\n".join(line.rstrip() for line in lines)
    return text if unicode else text.translate(_ASCII).encode("ascii", "replace").decode("ascii")


def _tables(comparison: Comparison, width: int, paint: bool, unicode: bool) -> Iterator[str]:
    """One table, and further ones below for what a person would miss and the width did not take."""
    columns = _columns(comparison)
    if not unicode:  # before the widths are measured, as ± becomes two signs
        columns = [replace(column, cells=[cell.translate(_ASCII) for cell in column.cells]) for column in columns]
    shown = fitting(columns, width)
    yield from _table(shown, paint)
    rank_column, names = columns[:2]
    missing = [column for column in columns if column.wanted and column.heading not in {one.heading for one in shown}]
    while missing:
        shown = fitting([names, *missing], width, least_name=least_name(names.cells))
        missing = [column for column in missing if column not in shown]
        if len(shown) == 1:
            return
        indent = rank_column.width + GAP if total_width(shown) + rank_column.width + GAP <= width else 0
        yield ""
        yield from (" " * indent + one for one in _table(shown, paint))


def _table(columns: Sequence[Column], paint: bool) -> Iterator[str]:
    head = (" " * GAP).join(column.padded(column.heading) for column in columns)
    yield f"{_BOLD}{head.rstrip()}{_PLAIN}" if paint else head
    for cells in zip(*(column.cells for column in columns), strict=True):
        padded = [column.padded(cell) for column, cell in zip(columns, cells, strict=True)]
        yield (" " * GAP).join(map(_painted, padded) if paint else padded)


def _columns(comparison: Comparison) -> list[Column]:
    """All columns in the order in which they stand."""
    summary, primary = comparison.lines, comparison.primary
    columns = [
        Column("#", [rank(entry) for entry in summary], 1),
        Column("method", _names([entry["method"] for entry in summary]), 0, left=True, names=True),
        _score_column(comparison, primary, 0),
    ]
    if any(difference(comparison, entry) for entry in summary):
        title = f"{_title(primary)} - {_names([comparison.baseline])[0]}, 95 %"
        cells = [_difference(comparison, entry) for entry in summary]
        columns.append(Column(title, cells, 2, left=True, wanted=True))
    others = [_score_column(comparison, score, 4) for score in comparison.scores if score is not primary]
    columns += [column for column in others if set(column.cells) != {DASH}]
    columns.append(Column("time/run", [duration(entry.get("seconds")) for entry in summary], 3, wanted=True))
    columns.append(Column("disk/run", [bytes_of(entry.get("bytes")) for entry in summary], 3, wanted=True))
    return columns


def _names(methods: Sequence[str]) -> list[str]:
    """The methods' names, long ones shortened unless two would look the same."""
    names = [shown_name(method) for method in methods]
    short = [cut(name, NAME_WIDTH) for name in names]
    return short if len(set(short)) == len(set(names)) else names


def _score_column(comparison: Comparison, score: dict[str, Any], dispensable: int) -> Column:
    cells = [mean_and_spread(entry["scores"].get(score["name"])) for entry in comparison.lines]
    wanted = _WANTED_SCORES.fullmatch(score["name"]) is not None
    arrow = ARROWS[score["better"]]
    return Column(f"{_title(score)} {arrow}", cells, dispensable + (not wanted), wanted=wanted and dispensable > 0)


def _title(score: Mapping[str, Any]) -> str:
    """A score's title with the split that it was measured on."""
    return shown_name(f"test {score['title']}").replace("accuracy", "acc.")


def _difference(comparison: Comparison, entry: dict[str, Any]) -> str:
    stored = difference(comparison, entry)
    if stored is None:
        if entry["method"] == comparison.baseline:
            return "baseline"
        return "the mean label, always" if entry["method"] == CONSTANT else DASH
    verdict = _SHORT_VERDICTS.get(stored["verdict"], stored["verdict"]) + among_others(comparison, stored)
    return " ".join(filter(None, [signed(stored["estimate"]), interval(stored.get("interval"), sign=True), verdict]))


def _painted(cell: str) -> str:
    """A verdict in its colour; the words tell the same."""
    for verdict, colour in _COLOURS.items():
        if cell.rstrip().endswith(f"] {verdict}"):
            return cell.replace(f"] {verdict}", f"] {colour}{verdict}{_PLAIN}")
    return cell


def _remarks(comparison: Comparison, width: int) -> Iterator[str]:
    verdict = comparison.results["verdict"]
    if (said := achieved(comparison)) is not None:
        yield from _remark("achieved", said, width)
    yield from _remark("verdict", verdict["text"], width)
    if _overruled(comparison):
        text = "An interval is of one difference alone; over all of them, missing 0 once may still be noise (Holm)."
        yield from _remark("note", text, width)
    if comparison.kept:
        kept = comparison.kept
        told = f"{kept['method']}, seed {kept['seed']}{temperature_told(kept)}{why_kept(comparison)}"
        yield from _remark("kept", told, width)
    for cell in comparison.failed:
        yield from _remark(
            "failed", f"{cell['method']}, seed {cell['seed']}: {cell.get('reason') or 'unknown reason'}", width
        )


def _overruled(comparison: Comparison) -> bool:
    """Whether an interval without 0 is called noise, which has to be explained."""
    found = [difference(comparison, entry) for entry in comparison.summary if entry["seeds"] > 1]
    noise = [one["interval"] for one in found if one and one["verdict"] == "no more than noise" and one.get("interval")]
    return any(low is not None and high is not None and (low > 0 or high < 0) for low, high in noise)


def _remark(label: str, text: str, width: int) -> Iterable[str]:
    first, rest = label.ljust(LABEL_WIDTH), " " * LABEL_WIDTH
    return textwrap.wrap(
        shown_name(text),
        max(width, 2 * LABEL_WIDTH),
        initial_indent=first,
        subsequent_indent=rest,
        break_on_hyphens=False,
    )
