"""Columns of a table for a terminal: how wide they are, and which of them fit."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from softlabel.text.visible import one_line

GAP = 2
NAME_WIDTH = 24
SHORTEST_NAME = 8

_DIRECTIONS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Column:
    """A column: its heading, its cells, how dispensable it is (0 never), and if it is set to the left.

    wanted   it has a place in a further table where the first is too narrow for it
    names    it holds the methods' names
    """

    heading: str
    cells: Sequence[str]
    dispensable: int
    left: bool = False
    wanted: bool = False
    names: bool = False

    @property
    def width(self) -> int:
        return max(map(text_width, [self.heading, *self.cells]))

    def padded(self, text: str) -> str:
        space = " " * (self.width - text_width(text))
        return text + space if self.left else space + text


def text_width(text: str) -> int:
    """The columns that a text takes in a terminal: East Asian wide characters take two, combining ones none."""
    return sum(map(_character_width, text))


def shown_name(name: Any) -> str:
    """A name on one line, without characters that a terminal would obey."""
    return _DIRECTIONS.sub("\ufffd", one_line(str(name)))


def fitting(columns: Sequence[Column], width: int, least_name: int | None = None) -> list[Column]:
    """The columns that fit, in their order; the names of methods give way to columns that are never left out.

    least_name   down to which width they also give way to the others; by default they do not
    """
    kept = [column for column in columns if not column.dispensable]
    spare = 0 if least_name is None else sum(max(0, one.width - least_name) for one in columns if one.names)
    for column in sorted(columns, key=lambda column: column.dispensable):
        if column.dispensable and total_width([*kept, column]) - spare <= width:
            kept.append(column)
    too_wide = total_width(kept) - width
    return [_narrower(one, too_wide) if one.names and too_wide > 0 else one for one in columns if one in kept]


def least_name(names: Sequence[str]) -> int:
    """The least width at which shortened names still differ."""
    for width in range(SHORTEST_NAME, NAME_WIDTH):
        if len({cut(name, width) for name in names}) == len(set(names)):
            return width
    return NAME_WIDTH


def _narrower(names: Column, by: int) -> Column:
    length = max(SHORTEST_NAME, names.width - by)
    return replace(names, cells=[cut(name, length) for name in names.cells])


def total_width(columns: Sequence[Column]) -> int:
    """Of a line."""
    return sum(column.width for column in columns) + GAP * (len(columns) - 1)


def cut(text: str, width: int) -> str:
    """The text with an ellipsis where it is wider than that."""
    if text_width(text) <= width:
        return text
    while text_width(text) > width - 1:
        text = text[:-1]
    return text + "…"


def _character_width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
