"""The header of a CSV file: its columns, its separator, and where the rows begin."""

from __future__ import annotations

import csv
import io
import os
import re
from dataclasses import dataclass
from typing import BinaryIO

from softlabel.errors import DataError

LONGEST_HEADER = 16 * 2**20
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
_BOM = b"\xef\xbb\xbf"
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n|$)")
_DECLARED = re.compile(r'"?sep=([^"])"?', re.IGNORECASE)
_QUOTED = re.compile(r'"[^"]*"')


@dataclass(frozen=True)
class CsvHeader:
    """Names of the columns, what separates values, and the byte of the file at which the rows begin."""

    columns: list[str]
    separator: str
    start: int


def read_header(path: str) -> CsvHeader:
    """The first record that is not blank, behind a byte-order mark and the line 'sep=;' that Excel writes, if any.

    Without that line the separator is the comma, semicolon or tab of which most stand in the header outside quotes.
    Raises DataError for an empty file; UnicodeDecodeError and OSError pass.
    """
    name = os.path.basename(path)
    with open(path, "rb") as file:
        beginning = _beginning(file)
    start = len(_BOM) if beginning.startswith(_BOM) else 0
    text, start = _record(beginning, start)
    declared = _DECLARED.fullmatch(text.strip("\r\n "))
    if declared:
        text, start = _record(beginning, start)
    separator = declared[1] if declared else max(SEPARATORS, key=_QUOTED.sub("", text).count)
    try:
        columns = next(csv.reader(io.StringIO(text, newline=""), delimiter=separator), [])
    except (csv.Error, ValueError) as error:
        raise DataError(f"{name}: the header cannot be read ({error})") from None
    if not columns:
        raise DataError(f"{name}: is empty, expected a header and rows")
    return CsvHeader(columns, separator, start)


def _beginning(file: BinaryIO) -> bytes:
    """Enough of the file to hold its header: more is read until a line end stands outside quotes."""
    content, step = b"", 2**16
    while len(content) < LONGEST_HEADER:
        more = file.read(step)
        content += more
        if not more or (content.rfind(b"\n") > 0 and _holds_record(content)):
            break
        step *= 2
    return content


def _holds_record(content: bytes) -> bool:
    """Whether three line ends stand where all quotes before them are closed: a mark of Excel, a blank, the header."""
    closed, position, found = True, 0, 0
    while position < len(content) and found < 3:
        line = _LINE.match(content, position)
        assert line is not None
        closed ^= line[0].count(b'"') % 2 == 1
        found += closed and line[0][-1:] in (b"\r", b"\n") and bool(line[0].strip())
        position = line.end()
    return found == 3


def _record(content: bytes, start: int) -> tuple[str, int]:
    """The next record that is not blank, with its line end, and where the one behind it begins."""
    position, quotes = start, 0
    while position < len(content):
        line = _LINE.match(content, position)
        assert line is not None
        position = line.end()
        quotes += line[0].count(b'"')
        if quotes % 2 == 0 and content[start:position].strip():
            break
        if quotes == 0:
            start = position  # a blank line
    return content[start:position].decode("utf-8"), position
