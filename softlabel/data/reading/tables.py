"""CSV and Parquet files to Arrow tables of the columns that are used; text stays text."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from softlabel.data.reading.csv_header import SEPARATORS, CsvHeader, read_header
from softlabel.data.refusals import Refusal
from softlabel.errors import ConfigError, DataError
from softlabel.text.words import shown

BLOCK = 16 * 2**20
IN_MEMORY = 2**30
"""Parquet files above this size are converted to Arrow once (in the cache folder of `datasets`) and memory-mapped."""


@dataclass(frozen=True)
class Table:
    """Rows of a file.

    rows      (N,) the number of each row in the file; row 1 is the first below the header, blank lines do not count
    ragged    lines that have too few or too many values
    notes     what was decided while reading
    """

    columns: pa.Table
    rows: NDArray[np.int64]
    ragged: list[Refusal]
    notes: list[str]


Choose = Callable[[list[str]], Sequence[str]]
"""Given all column names, the ones to read; raises DataError for missing ones."""


def read_csv(path: str, choose: Choose) -> Table:
    """The chosen columns of a CSV file, all as text, so that '007' and 'NA' stay what they are.

    UTF-8 with or without a byte-order mark; any line ends; separated as `read_header` says. Raises DataError for a file
    that cannot be read as such.
    """
    name = os.path.basename(path)
    header = _header(path, name)
    _check_text(path, header.separator)
    chosen = list(choose(header.columns))
    ragged: list[tuple[int, pa.csv.InvalidRow]] = []

    def keep_note(row: pa.csv.InvalidRow) -> str:
        ragged.append((row.number, row))
        return "skip"

    try:
        with open(path, "rb") as file:
            file.seek(header.start)
            table = pa.csv.read_csv(
                file,
                read_options=pa.csv.ReadOptions(use_threads=False, block_size=BLOCK, column_names=header.columns),
                parse_options=pa.csv.ParseOptions(
                    delimiter=header.separator, newlines_in_values=True, invalid_row_handler=keep_note
                ),
                convert_options=pa.csv.ConvertOptions(
                    include_columns=chosen, column_types=dict.fromkeys(chosen, pa.string()), strings_can_be_null=False
                ),
            )
    except (pa.ArrowInvalid, pa.ArrowKeyError, OSError) as error:
        raise DataError(f"{name}: {_csv_problem(path, str(error))}") from None
    refused = [
        Refusal(
            name,
            row,
            None,
            f"number of values {line.actual_columns} ({shown(line.text)})",
            f"{line.expected_columns} as in the header",
        )
        for row, line in ragged
    ]
    rows = np.setdiff1d(np.arange(1, table.num_rows + len(ragged) + 1), [row for row, _ in ragged])
    separated = SEPARATORS.get(header.separator, repr(header.separator))
    notes = [] if header.separator == "," else [f"{name} is separated by {separated}"]
    return Table(table, rows, refused, notes)


def read_parquet(path: str, choose: Choose) -> Table:
    """The chosen columns of a Parquet file, with the file's own types. Raises DataError for anything else."""
    name = os.path.basename(path)
    try:
        header = pa.parquet.read_schema(path).names
        chosen = list(choose(header))
        if os.path.getsize(path) <= IN_MEMORY:
            table = pa.parquet.read_table(path, columns=chosen)
        else:
            from softlabel.data.arrow import datasets  # takes a second to import, and only files of this size need it

            table = datasets.Dataset.from_parquet(path, columns=chosen).data.table
        table.validate(full=True)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{name}: cannot be read as Parquet ({reason[:120]})") from None
    return Table(table, np.arange(1, table.num_rows + 1), [], [])


def _header(path: str, name: str) -> CsvHeader:
    try:
        return read_header(path)
    except UnicodeDecodeError:
        raise DataError(f"{name}: {_csv_problem(path, 'invalid UTF8 data')}") from None
    except OSError as error:
        raise DataError(f"{name}: cannot be read ({error})") from None


def _csv_problem(path: str, message: str) -> str:
    """An Arrow error in words that say what to do."""
    if "UTF8" in message:
        return f"{_first_undecodable_line(path)}expected UTF-8 text: save the file again with that encoding"
    if "Empty CSV" in message:
        return "no rows, expected at least two"
    if "straddling" in message:
        return f"one row has more than {BLOCK // 2**20} MB, expected paths or numbers (large images belong into files)"
    return " ".join(message.split())[:200]


def _first_undecodable_line(path: str) -> str:
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                return f"line {number} of the file holds the byte 0x{line[error.start]:02x}, "
    return ""


def _check_text(path: str, separator: str) -> None:
    """Refuse a CSV file that is not UTF-8 throughout, or whose quotation marks would be read as something else.

    One that is opened and never closed would swallow the rows behind it, and one behind a backslash would end its
    value; bytes that are no text could not be shown where a row is refused.
    """
    name = os.path.basename(path)
    decoder = codecs.getincrementaldecoder("utf-8")()
    escaped = re.compile(rf'\\"(?=[^"\r\n{re.escape(separator)}])')
    count, lines, rest = 0, 1, ""
    try:
        with open(path, "rb") as file:
            while block := file.read(BLOCK):
                text = rest + decoder.decode(block)
                count += text.count('"') - rest.count('"')
                if found := escaped.search(text):
                    raise DataError(
                        f"{name}, line {lines + text.count(chr(10), 0, found.start())}: a quotation mark behind a "
                        'backslash, expected "" for one inside of a value in quotes'
                    )
                lines, rest = lines + text.count("\n", 0, max(0, len(text) - 2)), text[-2:]
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise DataError(f"{name}: {_csv_problem(path, 'invalid UTF8 data')}") from None
    if count % 2:
        raise DataError(
            f'{name}: {count:,} quotation marks, expected an even number: a value opened with " is never closed'
        )


def existing_file(path: str, source: str) -> str:
    """The path of a table. Raises ConfigError without one, DataError when it is no file."""
    if not path:
        raise ConfigError(f"source {source!r} needs a path: {source}:PATH")
    if not os.path.isfile(path):
        other = "is a folder" if os.path.isdir(path) else "is not a regular file"
        kind = f"{'an' if source[0] in 'aeiou' else 'a'} {source} file"
        one = "; it is one file, not a list with commas" if "," in path else ""
        raise DataError(f"{path}: {other if os.path.exists(path) else 'does not exist'}, expected {kind}{one}")
    return path
