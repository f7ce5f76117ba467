"""The table at the end of a comparison, for a terminal: whole numbers or none, in the width there is."""

from __future__ import annotations

import os
import re
import textwrap
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from softlabel.report.comparison import Comparison
from softlabel.report.numbers import DASH, duration, interval, is_number, number, signed
from softlabel.report.sections.scores import heading, mean_and_spread, rank
from softlabel.report.sections.verdict import difference
from softlabel.report.visible import one_line

GAP = 2
LABEL_WIDTH = 9
NAME_WIDTH = 24
SHORTEST_NAME = 8

_COLOURS = {"better": "\x1b[32m", "worse": "\x1b[31m"}
_BOLD, _PLAIN = "\x1b[1m", "\x1b[0m"
_ASCII = str.maketrans({"±": "+-", "↓": "v", "↑": "^", DASH: "-", "…": "."})
_SHORT_VERDICTS = {"no more than noise": "noise"}
_DIRECTIONS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Column:
    """A column: its heading, its cells, how dispensable it is (0 never), and if it is set to the left."""

    heading: str
    cells: Sequence[str]
    dispensable: int
    left: bool = False

    @property
    def width(self) -> int:
        return max(map(text_width, [self.heading, *self.cells]))

    def padded(self, text: str) -> str:
        space = " " * (self.width - text_width(text))
        return text + space if self.left else space + text


def comparison_table(results: Mapping[str, Any], width: int = 80, colour: bool = False, unicode: bool = True) -> str:
    """The ranking and the verdict of results.json as plain text, at most `width` columns wide.

    No number is ever cut: columns are left out, the most dispensable first, and only long names are shortened.
    `colour` is ignored where NO_COLOR is set; `unicode=False` keeps to ASCII.
    """
    comparison = Comparison(results)
    paint = colour and not os.environ.get("NO_COLOR")
    lines = [*_table(comparison, width, paint, unicode), *_remarks(comparison, width)]
    text = "\n".join(line.rstrip() for line in lines)
    return text if unicode else text.translate(_ASCII).encode("ascii", "replace").decode("ascii")


def text_width(text: str) -> int:
    """The columns that a text takes in a terminal: East Asian wide characters take two, combining ones none."""
    return sum(map(_character_width, text))


def shown_name(name: Any) -> str:
    """A name on one line, without characters that a terminal would obey."""
    return _DIRECTIONS.sub("\ufffd", one_line(str(name)))


def _table(comparison: Comparison, width: int, paint: bool, unicode: bool) -> Iterator[str]:
    columns = _columns(comparison)
    if not unicode:  # before the widths are measured, as ± becomes two signs
        columns = [replace(column, cells=[cell.translate(_ASCII) for cell in column.cells]) for column in columns]
    columns = _fitting(columns, width)
    head = (" " * GAP).join(column.padded(column.heading) for column in columns)
    yield f"{_BOLD}{head.rstrip()}{_PLAIN}" if paint else head
    for cells in zip(*(column.cells for column in columns), strict=True):
        padded = [column.padded(cell) for column, cell in zip(columns, cells, strict=True)]
        yield (" " * GAP).join(map(_painted, padded) if paint else padded)


def _columns(comparison: Comparison) -> list[Column]:
    """All columns in the order in which they stand."""
    summary, primary = comparison.summary, comparison.primary
    columns = [
        Column("#", [rank(entry) for entry in summary], 1),
        Column("method", _names(comparison.methods), 0, left=True),
        _score_column(comparison, primary, 0),
    ]
    for place, score in enumerate(score for score in comparison.scores if score is not primary):
        columns.append(_score_column(comparison, score, 4 + place))
    if any(difference(comparison, entry) for entry in summary):
        title = f"{primary['title']} vs {_names([comparison.baseline])[0]}, 95 %"
        columns.append(Column(title, [_difference(comparison, entry) for entry in summary], 2, left=True))
    columns.append(Column("time", [duration(entry.get("seconds")) for entry in summary], 3))
    return columns


def _names(methods: Sequence[str]) -> list[str]:
    """The methods' names, long ones shortened unless two would look the same."""
    names = [shown_name(method) for method in methods]
    short = [_cut(name, NAME_WIDTH) for name in names]
    return short if len(set(short)) == len(set(names)) else names


def _score_column(comparison: Comparison, score: dict[str, Any], dispensable: int) -> Column:
    cells = [mean_and_spread(entry["scores"].get(score["name"])) for entry in comparison.summary]
    return Column(shown_name(heading(score)), cells, dispensable)


def _difference(comparison: Comparison, entry: dict[str, Any]) -> str:
    stored = difference(comparison, entry)
    if stored is None:
        return "baseline" if entry["method"] == comparison.baseline else DASH
    verdict = _SHORT_VERDICTS.get(stored["verdict"], stored["verdict"])
    return " ".join(filter(None, [signed(stored["estimate"]), interval(stored.get("interval"), sign=True), verdict]))


def _fitting(columns: list[Column], width: int) -> list[Column]:
    """The columns that fit, in their order; names give way only to the columns that are never left out."""
    kept = [column for column in columns if not column.dispensable]
    for column in sorted(columns, key=lambda column: column.dispensable):
        if column.dispensable and _total([*kept, column]) <= width:
            kept.append(column)
    too_wide = _total(kept) - width
    return [
        _narrower(column, too_wide) if column.heading == "method" and too_wide > 0 else column
        for column in columns
        if column in kept
    ]


def _narrower(names: Column, by: int) -> Column:
    length = max(SHORTEST_NAME, names.width - by)
    return replace(names, cells=[_cut(name, length) for name in names.cells])


def _total(columns: Sequence[Column]) -> int:
    return sum(column.width for column in columns) + GAP * (len(columns) - 1)


def _cut(text: str, width: int) -> str:
    if text_width(text) <= width:
        return text
    while text_width(text) > width - 1:
        text = text[:-1]
    return text + "…"


def _painted(cell: str) -> str:
    """A verdict in its colour; the words tell the same."""
    for verdict, colour in _COLOURS.items():
        if cell.rstrip().endswith(f"] {verdict}"):
            return cell.replace(f"] {verdict}", f"] {colour}{verdict}{_PLAIN}")
    return cell


def _remarks(comparison: Comparison, width: int) -> Iterator[str]:
    verdict = comparison.results["verdict"]
    yield from _remark("verdict", verdict["text"], width)
    if comparison.kept:
        temperature = comparison.kept.get("temperature")
        fitted = f", temperature {number(temperature, 2)}" if is_number(temperature) else ""
        yield from _remark("kept", f"{comparison.kept['method']}, seed {comparison.kept['seed']}{fitted}", width)
    for cell in comparison.failed:
        yield from _remark(
            "failed", f"{cell['method']}, seed {cell['seed']}: {cell.get('reason') or 'unknown reason'}", width
        )


def _remark(label: str, text: str, width: int) -> Iterable[str]:
    first, rest = label.ljust(LABEL_WIDTH), " " * LABEL_WIDTH
    return textwrap.wrap(
        shown_name(text),
        max(width, 2 * LABEL_WIDTH),
        initial_indent=first,
        subsequent_indent=rest,
        break_on_hyphens=False,
    )


def _character_width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
