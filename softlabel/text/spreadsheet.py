"""CSV that is safe to open in a spreadsheet: text that would run as a formula is marked, and given back whole.

Text that begins with = + - @, a tab, a carriage return or a line feed gets an apostrophe in front, which spreadsheets
take as "this is text". A text that already begins with apostrophes and then one of these gets one more, so that
`restore` takes away exactly what `neutralise` added. Numbers are written as numbers.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TextIO

Cell = str | int | float | None

_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")


def neutralise(text: str) -> str:
    """The text as a spreadsheet may see it."""
    return "'" + text if _FORMULA.match(text) else text


def restore(text: str) -> str:
    """What `neutralise` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def write_csv(stream: TextIO, columns: Sequence[str], rows: Iterable[Mapping[str, Cell]]) -> None:
    """Write rows, mappings by column, after a header; the stream is opened with newline=''."""
    plain = csv.writer(stream, lineterminator="\n")
    quoted = csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for cells in chain([list(map(neutralise, columns))], ([_cell(row.get(name)) for name in columns] for row in rows)):
        inner_return = any("\r" in cell for cell in cells)  # which the plain writer would leave bare
        (quoted if inner_return else plain).writerow(cells)


def read_csv(stream: TextIO) -> Iterator[dict[str, str]]:
    """The rows of a file that `write_csv` wrote, every cell as text; the stream is opened with newline=''."""
    reader = csv.reader(stream)
    columns = [restore(column) for column in next(reader, [])]
    for row in reader:
        yield dict(zip(columns, map(restore, row), strict=True))


def _cell(value: Cell) -> str:
    if value is None:
        return ""
    return neutralise(value) if isinstance(value, str) else repr(value)
