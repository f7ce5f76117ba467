"""The text of an ARFF file (Weka): attributes and rows; quotes, escapes and comments as Weka reads and writes them."""

from __future__ import annotations

import gzip
import os
import re
import zlib
from dataclasses import dataclass

from softlabel.data.refusals import Refusal
from softlabel.errors import DataError
from softlabel.text.words import among, shown

_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
_ESCAPED = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_NAME = re.compile(r"""@attribute\s+(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|([^\s{'"]+))\s*(.*)""", re.IGNORECASE)
_VALUE = re.compile(r"""\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|([^,%'"]*))\s*(?:(,)|%.*|$)""")
_NEEDS_PARSING = re.compile(r"['\"%]")


@dataclass(frozen=True)
class Relation:
    """One file: its attributes, and the values of every row as text. lines (N,) is where each row stands."""

    file: str
    attributes: list[str]
    rows: list[list[str]]
    lines: list[int]
    ragged: list[Refusal]


def read_relation(path: str) -> Relation:
    """The header's attributes, and the rows behind @data: values between commas, quotes and escapes resolved.

    Raises DataError with file and line for what is no ARFF, and for sparse rows.
    """
    file = os.path.basename(path)
    relation = Relation(file, [], [], [], [])
    in_data = False
    for number, line in enumerate(_lines(path, file), 1):
        if not line or line.startswith("%"):
            continue
        if in_data:
            _add_row(relation, number, line)
        elif line.lower().startswith("@attribute"):
            relation.attributes.append(_attribute(line, f"{file}, line {number}"))
        elif line.lower().startswith("@data"):
            in_data = True
        elif not line.lower().startswith("@relation"):
            raise DataError(f"{file}, line {number}: {shown(line)}, expected @relation, @attribute or @data")
    if not in_data or not relation.attributes:
        raise DataError(f"{file}: has no attributes or no @data, expected an ARFF file")
    twice = [name for name in dict.fromkeys(relation.attributes) if relation.attributes.count(name) > 1]
    if twice:
        raise DataError(f"{file}: attributes that occur twice: {among(twice)}, expected each once")
    return relation


def unescaped(text: str) -> str:
    r"""What stands between quotes, with \' \" \\ \% \n \r \t and \uXXXX resolved."""
    return _ESCAPED.sub(lambda found: _meaning(found[1]), text)


def _meaning(escape: str) -> str:
    return chr(int(escape[1:], 16)) if len(escape) == 5 else _ESCAPES.get(escape, escape)


def _attribute(line: str, where: str) -> str:
    found = _NAME.fullmatch(line)
    if not found or not found[4] or found[4].startswith("%"):
        raise DataError(f"{where}: {shown(line)}, expected @attribute NAME TYPE")
    quoted = found[1] if found[1] is not None else found[2]
    return found[3] if quoted is None else unescaped(quoted)


def _lines(path: str, file: str) -> list[str]:
    try:
        opened = gzip.open(path, "rb") if path.endswith(".gz") else open(path, "rb")  # noqa: SIM115 (closed below)
        with opened:
            text = opened.read().decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise DataError(f"{file}: cannot be read as ARFF ({reason}), expected UTF-8 text, or that in gzip") from None
    return [line.strip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]


def _add_row(relation: Relation, number: int, line: str) -> None:
    width = len(relation.attributes)
    where = f"{relation.file}, line {number}"
    if line.startswith("{"):
        raise DataError(f"{where}: {shown(line)} is a sparse row, expected {width:,} values between commas")
    values = values_of(line)
    if values is None:
        expected = "values between commas, with \\ before a quotation mark that is part of one"
        relation.ragged.append(Refusal(where, None, None, f"quotation marks do not pair in {shown(line)}", expected))
    elif len(values) != width:
        relation.ragged.append(Refusal(where, None, None, f"{len(values):,} values", f"{width:,} like the attributes"))
    else:
        relation.rows.append(values)
        relation.lines.append(number)


def values_of(line: str) -> list[str] | None:
    """The values of a row, without quotes, escapes and a comment at its end; None where quotes do not pair."""
    if not _NEEDS_PARSING.search(line):
        return [value.strip() for value in line.split(",")]
    values: list[str] = []
    position, more = 0, True
    while more:
        found = _VALUE.match(line, position)
        if found is None:
            return None
        quoted = found[1] if found[1] is not None else found[2]
        values.append(found[3].strip() if quoted is None else unescaped(quoted))
        position, more = found.end(), found[4] is not None
    return values
