"""Corrected labels come from a table that fits the data row by row, and never touch the test part."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from softlabel.data.config import DataConfig
from softlabel.data.reading.open_source import open_source
from softlabel.data.splitting.splits import Splits, make_splits
from softlabel.errors import ConfigError, DataError
from softlabel.text.spreadsheet import write_csv

Row = dict[str, Any]
KINDS = ["=cat", "-7", "dog", "'+mouse"]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """80 rows of two features, with class names that a spreadsheet would run."""
    draws = np.random.default_rng(0).normal(size=(80, 2)).round(3)
    with open(tmp_path / "data.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([["a", "b", "kind"], *([*x, KINDS[i % 4]] for i, x in enumerate(draws.tolist()))])
    return tmp_path


def splits_of(folder: Path, corrections: str | None = None, **options: Any) -> Splits:
    path = None if corrections is None else str(folder / corrections)
    columns = {"feature_columns": ["a", "b"], "label_column": "kind"}
    config = DataConfig(source=f"csv:{folder / 'data.csv'}", corrections=path, **columns, **options)
    return make_splits(open_source(config), config, lambda annotation: annotation.numpy())


def rows_of(splits: Splits) -> list[Row]:
    """What a review of these splits would write, nothing changed."""
    parts = [part for part in (splits.training, splits.validation) if part is not None]
    names = sorted(KINDS)
    return [
        {
            "row": row + 1,
            "place": f"data.csv, row {row + 1}",
            "given_label": names[label],
            "label": names[label],
            "x": 1,
        }
        for part in parts
        for row, label in zip(part.sample_id.tolist(), part.annotation.tolist(), strict=True)
    ]


def write(folder: Path, rows: list[Row], name: str = "c.csv") -> str:
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(rows), folder / name)
    else:
        with open(folder / name, "w", newline="", encoding="utf-8") as file:
            write_csv(file, list(rows[0]), rows)
    return name


@pytest.mark.parametrize("name", ["c.csv", "c.parquet"])
@pytest.mark.parametrize("options", [{}, {"noise": 0.3}, {"imbalance": 3.0}, {"protocol": "published"}])
def test_labels_are_replaced_and_nothing_else_moves(table: Path, name: str, options: dict[str, Any]) -> None:
    before = splits_of(table, **options)
    rows = rows_of(before)
    wanted = {row["row"] - 1: KINDS[(KINDS.index(row["label"]) + 1) % 4] for row in (rows[2], rows[5], rows[-1])}
    for row in rows:
        row["label"] = wanted.get(row["row"] - 1, row["label"])
    after = splits_of(table, write(table, rows, name), **options)
    assert after.test_hash == before.test_hash
    names, changed = sorted(KINDS), 0
    for part, old in ((after.training, before.training), (after.validation, before.validation)):
        if part is None or old is None:
            assert part is old
            continue
        assert part.sample_id.tolist() == old.sample_id.tolist()
        different = (part.annotation != old.annotation).nonzero().flatten().tolist()
        assert {names[int(part.annotation[d])] for d in different} == {
            wanted[int(part.sample_id[d])] for d in different
        }
        changed += len(different)
    assert changed == 3
    assert f"corrections: 3 labels changed by {name}, of {len(rows):,} rows that it names" in after.notes


def test_without_a_change_nothing_changes(table: Path) -> None:
    plain = splits_of(table)
    same = splits_of(table, write(table, rows_of(plain)[:7]))
    torch.testing.assert_close(same.training.annotation, plain.training.annotation)
    assert "corrections: 0 labels changed by c.csv, of 7 rows that it names" in same.notes


def test_one_changed_label_of_one_row_is_told_in_the_singular(table: Path) -> None:
    row = rows_of(splits_of(table))[0]
    other = next(kind for kind in KINDS if kind != row["label"])
    notes = splits_of(table, write(table, [row | {"label": other}])).notes
    assert "corrections: 1 label changed by c.csv, of 1 row that it names" in notes


def test_the_source_is_not_written_to(table: Path) -> None:
    config = DataConfig(source=f"csv:{table / 'data.csv'}", feature_columns=["a", "b"], label_column="kind")
    source = open_source(config)
    own = source.samples.annotation.clone()
    rows = rows_of(splits_of(table))
    rows[0]["label"] = KINDS[(KINDS.index(rows[0]["label"]) + 1) % 4]
    changed = config.model_copy(update={"corrections": str(table / write(table, rows))})
    make_splits(source, changed, lambda annotation: annotation.numpy())
    torch.testing.assert_close(source.samples.annotation, own)


def wrong_rows(folder: Path) -> dict[str, tuple[Row, str]]:
    """One bad row each, and what is said of it."""
    splits = splits_of(folder)
    good = rows_of(splits)[3]
    row, given = good["row"], good["given_label"]
    other = next(kind for kind in KINDS if kind != given)
    tested = int(splits.test.sample_id[0]) + 1
    return {
        "label": (good | {"label": "dgo"}, "column 'label': 'dgo', expected a class of the data (did you mean 'dog'?)"),
        "empty": (good | {"label": ""}, "column 'label': an empty value, expected a class label"),
        "given": (good | {"given_label": other}, f"column 'given_label': {other!r}, expected {given!r} as in the data"),
        "place": (good | {"place": "data.csv, row 99"}, f"'data.csv, row 99', expected 'data.csv, row {row}'"),
        "test": (
            good | {"row": tested},
            f"column 'row': {tested}, a row of the test part, whose labels stay, expected",
        ),
        "unknown": (good | {"row": 812}, "column 'row': 812, which data does not have, expected a row of the training"),
        "half": (good | {"row": 1.5}, "column 'row': 1.5, expected the number of a row, from 1"),
        "zero": (good | {"row": 0}, "column 'row': 0, which data does not have"),
        "text": (good | {"row": "one"}, "column 'row': 'one', expected the number of a row, from 1"),
        "twice": (good, f"column 'row': {row} once more, expected each row once"),
    }


@pytest.mark.parametrize(
    "case", ["label", "empty", "given", "place", "test", "unknown", "half", "zero", "text", "twice"]
)
def test_a_wrong_row_is_named(table: Path, case: str) -> None:
    bad, words = wrong_rows(table)[case]
    rows = rows_of(splits_of(table))
    name = write(table, [*rows[:5], bad] if case == "twice" else [*rows[:3], bad, rows[4]])
    with pytest.raises(DataError) as error:
        splits_of(table, name)
    assert f"c.csv, row {6 if case == 'twice' else 4}, " in str(error.value)
    assert words in str(error.value)
    notes = splits_of(table, name, skip_bad=True).notes
    assert any("rows left out because they cannot be used: 1 " in note for note in notes)


def test_a_row_that_the_long_tail_left_out_is_named(table: Path) -> None:
    all_rows = rows_of(splits_of(table))
    with pytest.raises(DataError, match=r"a row that this run leaves out, expected a row of the training"):
        splits_of(table, write(table, all_rows), imbalance=5.0)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("c.csv", "row,label\n1,dog\n", r"no column 'given_label'"),
        ("c.csv", "", "is empty"),
        ("c.csv", "row,given_label,label\n", "no rows"),
        ("c.csv", "row,given_label,label\n1,dog\n", "number of values 2"),
        ("c.txt", "row", r"neither a .csv nor a .parquet file"),
        ("c.parquet", "no parquet", "cannot be read as Parquet"),
    ],
)
def test_a_table_of_something_else_is_refused(table: Path, name: str, content: str, words: str) -> None:
    (table / name).write_text(content)
    with pytest.raises((DataError, ConfigError), match=words):
        splits_of(table, name)


def test_a_missing_table_is_refused(table: Path) -> None:
    with pytest.raises(DataError, match="does not exist, expected a corrections file"):
        splits_of(table, "nowhere.csv")


def test_votes_are_not_corrected_by_a_class(table: Path) -> None:
    (table / "votes.csv").write_text("a,v_x,v_y\n" + "".join(f"{i},{i % 3},{3 - i % 3}\n" for i in range(20)))
    columns = {"feature_columns": ["a"], "vote_columns": ["v_*"], "corrections": str(table / "c.csv")}
    config = DataConfig(source=f"csv:{table / 'votes.csv'}", **columns)
    with pytest.raises(ConfigError, match="has no class label per row"):
        make_splits(open_source(config), config, lambda annotation: annotation.argmax(1).numpy())


LEAVE_OUT = ["leave out", "Leave Out ", "leave_out"]


@pytest.mark.parametrize("name", ["c.csv", "c.parquet"])
@pytest.mark.parametrize("text", LEAVE_OUT)
def test_rows_are_left_out_and_nothing_else_moves(table: Path, name: str, text: str) -> None:
    before = splits_of(table)
    rows = [{**row, "action": ""} for row in rows_of(before)]
    for row in rows[:3]:
        row["action"] = text
    other = next(kind for kind in KINDS if kind != rows[5]["label"])
    rows[0]["label"] = other  # what becomes of a row that is left out does not count as changed
    rows[5] |= {"label": other, "action": "keep"}
    after = splits_of(table, write(table, rows, name))
    gone = {row["row"] - 1 for row in rows[:3]}
    for part in ("training", "validation", "test"):
        was, now = getattr(before, part), getattr(after, part)
        assert now.sample_id.tolist() == [row for row in was.sample_id.tolist() if row not in gone]
        assert len(now.read(torch.arange(len(now)))) == len(now)
    note = f"corrections: 1 label changed and 3 rows left out by {name}, of {len(rows)} rows that it names"
    assert note in after.notes
    assert after.test_hash == before.test_hash
    assert after.fingerprint.data_hash != before.fingerprint.data_hash


def test_an_unknown_action_names_file_and_row(table: Path) -> None:
    rows = [{**row, "action": ""} for row in rows_of(splits_of(table))]
    rows[2]["action"] = "remove"
    with pytest.raises(DataError, match=r"row 3, column .action.: .remove., expected .leave out., .keep., or nothing"):
        splits_of(table, write(table, rows))


def test_a_table_that_leaves_no_training_row_is_refused(table: Path) -> None:
    before = splits_of(table)
    rows = [{**row, "action": "leave out"} for row in rows_of(before)]
    with pytest.raises(DataError, match=rf"c\.csv: it leaves out all {len(before.training)} training rows"):
        splits_of(table, write(table, rows))
