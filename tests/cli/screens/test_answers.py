"""Answers in a file: every format says the same, and a spreadsheet runs nothing."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from softlabel.cli.configuring.new_file import refuse_existing
from softlabel.cli.screens.answers import columns, flat, separator, shortened, table, write_csv, write_file, write_json
from softlabel.errors import ConfigError
from softlabel.tasks.classification import Classification
from softlabel.text.spreadsheet import read_csv

FIELDS = ("label", "confidence")
CLASSES = ["cat", "=HYPERLINK(1)"]
ANSWERS = [
    {"file": "a.png", "label": "cat", "confidence": 0.7500001234, "distribution": {"cat": 0.75, "=HYPERLINK(1)": 0.25}},
    {
        "file": "-b.png",
        "label": CLASSES[1],
        "confidence": 1 - 1e-9,
        "distribution": {"cat": 1e-9, CLASSES[1]: 1 - 1e-9},
    },
]


def cells(top: int | None = None) -> list[dict[str, Any]]:
    return [flat(answer, top) for answer in ANSWERS]


def test_columns_are_places_label_confidence_and_the_whole_distribution() -> None:
    assert columns(CLASSES, ["row", "file"], FIELDS, None) == [
        "row",
        "file",
        "label",
        "confidence",
        "p_cat",
        "p_=HYPERLINK(1)",
    ]
    assert columns(CLASSES, ["file"], FIELDS, 1) == ["file", "label", "confidence", "label_1", "p_1"]


def test_small_probabilities_do_not_become_zero() -> None:
    assert cells()[1]["p_cat"] == 1e-9
    assert cells()[0]["confidence"] == 0.75


def test_top_keeps_the_most_probable_best_first() -> None:
    assert cells(1)[1] == {"file": "-b.png", "label": CLASSES[1], "confidence": 1.0, "label_1": CLASSES[1], "p_1": 1.0}
    assert list(shortened(ANSWERS[1], 2)["distribution"]) == [CLASSES[1], "cat"]
    assert list(shortened(ANSWERS[1], None)["distribution"]) == CLASSES


def test_csv_is_safe_to_open_and_comes_back() -> None:
    stream = io.StringIO()
    write_csv(stream, columns(CLASSES, ["file"], FIELDS, None), cells())
    raw = list(csv.reader(io.StringIO(stream.getvalue())))
    assert [cell for row in raw for cell in row if cell[:1] in "=+-@\t\r"] == []
    stream.seek(0)
    back = list(read_csv(stream))
    assert [row["file"] for row in back] == ["a.png", "-b.png"]
    assert back[1]["label"] == CLASSES[1]
    assert float(back[0]["p_cat"]) == 0.75


def test_every_format_says_the_same(tmp_path: Path) -> None:
    names = columns(CLASSES, ["file"], FIELDS, None)
    for ending in (".csv", ".parquet"):
        write_file(tmp_path / f"answers{ending}", names, cells(), numbers=["confidence"])
    write_file(tmp_path / "answers.json", names, ANSWERS)
    from_parquet = pq.read_table(tmp_path / "answers.parquet").to_pylist()
    from_json = [flat(answer, None) for answer in json.loads((tmp_path / "answers.json").read_text())]
    assert from_parquet == from_json == cells()
    with (tmp_path / "answers.csv").open(newline="") as stream:
        assert [row["label"] for row in read_csv(stream)] == [row["label"] for row in cells()]


@pytest.mark.parametrize("ending", [".csv", ".json", ".parquet"])
def test_no_answers_are_a_file_too(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"answers{ending}"
    write_file(path, columns(CLASSES, ["file"], FIELDS, None), [])
    assert path.stat().st_size > 0
    assert ending != ".json" or json.loads(path.read_text()) == []


def test_json_is_written_row_by_row() -> None:
    """Memory does not grow with the number of answers: each is asked for only when the one before is written."""
    stream, written = io.StringIO(), []

    def rows() -> Iterator[dict[str, Any]]:
        for answer in ANSWERS:
            written.append(len(stream.getvalue()))
            yield answer

    write_json(stream, [], rows())
    assert written[1] > written[0] > 0


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    path.write_text("old")

    def rows() -> Iterator[dict[str, Any]]:
        yield cells()[0]
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_file(path, columns(CLASSES, ["file"], FIELDS, None), rows())
    assert [entry.name for entry in tmp_path.iterdir()] == ["answers.csv"]
    assert path.read_text() == "old"


def test_an_existing_file_is_not_replaced_unless_asked(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("mine")
    with pytest.raises(ConfigError, match="exists already"):
        refuse_existing(path, overwrite=False)
    refuse_existing(path, overwrite=True)
    write_file(path, columns(CLASSES, ["file"], FIELDS, None), cells(), overwrite=True)
    assert path.read_text() != "mine"


def test_the_table_fits_its_width_and_shows_control_characters() -> None:
    hostile = {**ANSWERS[0], "file": "\x1b[2J.png"}
    text = table([hostile, *ANSWERS], Classification(CLASSES).tell, 30)
    assert "\x1b" not in text
    assert all(len(line) <= 30 for line in text.splitlines())
    assert table([], Classification(CLASSES).tell, 80) == ""


@pytest.mark.parametrize(
    ("names", "between"),
    [
        (["cat", "dog"], ", "),
        (["Doe, John", "dog"], "; "),
        (["a,b", "c;d"], "| "),
        (["a,", ";b", "|c"], None),
    ],
)
def test_several_labels_can_be_taken_apart_again(names: list[str], between: str | None) -> None:
    answer = {"labels": names, "distribution": dict.fromkeys(names, 0.5)}
    cell = flat(answer, None)["labels"]
    assert separator(names) == between
    assert (json.loads(cell) if between is None else cell.split(between)) == names
