"""Exported text does not run in a spreadsheet, and comes back as it was."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softlabel.text.spreadsheet import neutralise, read_csv, restore, write_csv

FORMULAS = (
    "=1+1",
    "+1",
    "-1+2",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    '=HYPERLINK("x")',
    "=cmd|' /C calc'!A0",
    "\n=1",
    "＝1",
)


@pytest.mark.parametrize("formula", FORMULAS)
def test_formulas_become_text_and_come_back(formula: str) -> None:
    assert neutralise(formula) == "'" + formula
    assert restore(neutralise(formula)) == formula


@given(st.text(alphabet=st.sampled_from("'=+-@\t\rab,\"\n＝"), max_size=6))
def test_any_text_comes_back(text: str) -> None:
    assert restore(neutralise(text)) == text
    assert neutralise(text)[:1] not in set("=+-@\t\r\n")


@given(st.lists(st.tuples(st.text(st.characters(codec="utf-8")), st.floats(allow_nan=False)), max_size=4))
def test_files_come_back(rows: list[tuple[str, float]]) -> None:
    stream = io.StringIO(newline="")
    write_csv(stream, ["=name", "value", "none"], [{"=name": name, "value": value} for name, value in rows])
    stream.seek(0)
    found = [(row["=name"], float(row["value"]), row["none"]) for row in read_csv(stream)]
    assert found == [(name, value, "") for name, value in rows]


def test_numbers_stay_numbers() -> None:
    stream = io.StringIO(newline="")
    write_csv(stream, ["x"], [{"x": -0.5}, {"x": 3}])
    assert stream.getvalue() == "x\n-0.5\n3\n"
