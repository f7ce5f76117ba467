"""Text files beside the data: numbered lines, and the names of classes, one a line."""

from __future__ import annotations

import os

from softlabel.errors import DataError
from softlabel.text.words import shown


def text_lines(path: str) -> list[tuple[int, str]]:
    """Lines with their numbers from 1, without blank ones; tabs read as spaces."""
    with open(path, "rb") as file:
        content = file.read().removeprefix(b"\xef\xbb\xbf")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(f"{os.path.basename(path)}, line {line}: is not UTF-8, expected text") from None
    numbered = enumerate(text.replace("\r\n", "\n").replace("\t", " ").split("\n"), 1)
    return [(number, line) for number, line in numbered if line.strip()]


def class_names_in(path: str) -> list[str] | None:
    """The classes that a file names, in the order of their indices; None where there is no such file."""
    if not os.path.isfile(path):
        return None
    first: dict[str, int] = {}
    for number, line in text_lines(path):
        name = line.strip()
        if name in first:
            where = f"{os.path.basename(path)}, line {number}"
            raise DataError(f"{where}: class {shown(name)} stands in line {first[name]} too, expected each once")
        first[name] = number
    return list(first)
