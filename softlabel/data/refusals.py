"""What cannot be used is collected in one pass over all rows, and named by file, row, column, value and expectation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softlabel.errors import DataError
from softlabel.text.words import shown

SHOWN = 5
KEPT = 10_000
Place = tuple[str, int | None]
"""A file and its row; rows count from 1, the header of a table is not a row, and an image file has no rows (None)."""


@dataclass(frozen=True)
class Refusal:
    """One value that cannot be used: where it stands, what it is, what was expected."""

    file: str
    row: int | None
    column: str | None
    value: str
    expected: str

    def __str__(self) -> str:
        row = "" if self.row is None else f", row {self.row}"
        column = "" if self.column is None else f", column {self.column!r}"
        return f"{self.file}{row}{column}: {self.value}, expected {self.expected}"


class RefusedRowsError(DataError):
    """Rows that cannot be used; `refused` holds all that are listed, the message the first few."""

    def __init__(self, name: str, refused: list[Refusal], num_bad: int, num_rows: int, others: Sequence[str]) -> None:
        self.refused = refused
        if num_rows == 1:
            super().__init__(str(refused[0]))
            return
        lines = [f"{name}: {num_bad:,} of {num_rows:,} rows cannot be used"]
        lines += [f"  {refusal}" for refusal in _of_every_kind(refused)]
        if num_bad > SHOWN:
            lines.append(f"  and so on, {num_bad:,} rows in all")
        hint = "Mend them, or pass --skip-bad to leave them out"
        numbered = any(refusal.row is not None for refusal in refused)
        lines.append(f"{hint} (row 1 is the first row below the header)." if numbered else f"{hint}.")
        super().__init__("\n".join([*lines, *others]))


class Refusals:
    """Collects refusals by position; `place(position)` says which file and row that is."""

    def __init__(self, name: str, num_rows: int, place: Callable[[int], Place]) -> None:
        self.name = name
        self.bad = np.zeros(num_rows, dtype=bool)
        self.place = place
        self._items: list[tuple[int, Refusal]] = []
        self._outside: list[Refusal] = []

    def add(self, position: int, column: str | None, value: str, expected: str) -> None:
        """Refuse one value. Every bad row is listed at least once; beyond ten thousand entries only once."""
        if not self.bad[position] or len(self._items) < KEPT:
            file, row = self.place(position)
            self._items.append((position, Refusal(file, row, column, value, expected)))
        self.bad[position] = True

    def add_outside(self, refusal: Refusal) -> None:
        """Refuse a row that never became one (a line with too few values)."""
        self._outside.append(refusal)

    def add_where(self, wrong: NDArray[np.bool_], column: str | None, values: Any, expected: str) -> None:
        """Refuse every position where `wrong` (N,) holds; `values[position]` is shown."""
        for position in np.flatnonzero(wrong).tolist():
            self.add(position, column, shown(values[position]), expected)

    def __len__(self) -> int:
        """How many rows are bad."""
        return int(self.bad.sum()) + len(self._outside)

    @property
    def good(self) -> NDArray[np.int64]:
        """The positions that nothing was said against."""
        return np.flatnonzero(~self.bad)

    def settle(self, skip_bad: bool, others: Sequence[str] = (), warnings: Sequence[str] = ()) -> list[Refusal]:
        """All refusals in the order of the rows.

        `others` are problems of the data as a whole, told in the same breath; `warnings` are told only beside them.

        Raises RefusedRowsError unless bad rows are to be skipped, and DataError for other problems or without any row.
        """
        refused = [refusal for _, refusal in sorted(self._items, key=lambda item: item[0])] + self._outside
        num_rows = len(self.bad) + len(self._outside)
        num_bad = len(self)
        warned = [f"warning: {warning}" for warning in warnings]
        if num_bad and (not skip_bad or num_bad == num_rows):
            raise RefusedRowsError(self.name, refused, num_bad, num_rows, [*others, *warned])
        if num_rows == 0:
            raise DataError(f"{self.name}: no rows, expected at least two")
        if others:
            raise DataError("\n".join([*others, *warned]))
        return refused


def _of_every_kind(refused: list[Refusal]) -> list[Refusal]:
    """A few refusals in the order of the rows: the first of every kind, so that many alike hide no other."""
    kinds = [(refusal.column, refusal.expected) for refusal in refused]
    first = {kind: position for position, kind in reversed(list(enumerate(kinds)))}
    firsts = sorted(first.values())
    rest = (position for position in range(len(refused)) if first[kinds[position]] != position)
    return [refused[position] for position in sorted([*firsts, *rest][:SHOWN])]
