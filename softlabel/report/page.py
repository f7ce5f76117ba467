"""What a section of the report is made of; the template turns these into a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

ROWS_AT_MOST = 200

Tone = Literal["", "good", "bad", "muted", "strong"]


@dataclass(frozen=True)
class Cell:
    """A cell of a table: its text, a smaller note below it, and how it is set."""

    text: str
    note: str = ""
    tone: Tone = ""


@dataclass(frozen=True)
class Table:
    """A table; the first column names the row, the others hold numbers unless named in `words`."""

    title: str
    columns: Sequence[Cell | str]
    rows: Sequence[Sequence[Cell | str]]
    words: frozenset[int] = frozenset()

    @property
    def shown(self) -> Sequence[Sequence[Cell | str]]:
        """The rows on the page, whose size must not grow with the number of classes or epochs."""
        return self.rows[:ROWS_AT_MOST]

    @property
    def left_out(self) -> int:
        return max(0, len(self.rows) - ROWS_AT_MOST)


@dataclass(frozen=True)
class Panel:
    """A drawing or picture with its caption; the title names it in words."""

    title: str
    drawing: Markup
    caption: str = ""


@dataclass(frozen=True)
class Section:
    """One question and its answer: words, drawings, tables in the open, and the drawings' numbers folded away.

    legend  explains the methods' lines and markers
    beside  puts the tables beside the drawings, where there is room
    """

    title: str
    lead: Sequence[str] = ()
    legend: bool = False
    beside: bool = False
    panels: Sequence[Panel] = ()
    tables: Sequence[Table] = ()
    folded: Sequence[Table] = ()
