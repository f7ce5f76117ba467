"""Every broken data set is refused in words before anything is trained, and its mended twin raises no alarm."""

import contextlib
import io
import math

import numpy as np
import pytest
from PIL import Image

from softlabel.cli.main import main
from softlabel.errors import FailedRunError
from tests.hostile_data import layouts


def cut(files, name, length):
    """Keep only the first bytes of an image."""
    stored = io.BytesIO()
    Image.fromarray(files.images[name]).save(stored, "PNG")
    files.images[name] = stored.getvalue()[:length]


def of_all_rows(files, name, value):
    for row in range(1, len(files.rows) + 1):
        files.put(row, name, value)


def without_column(files, name):
    place = files.column(name)
    for row in [files.header, *files.rows]:
        del row[place]


def cells(*changes):
    """Several cells changed at once: (row, column, value)."""
    return lambda files: [files.put(*change) for change in changes]


def renamed(old, new):
    return lambda files: files.rename(old, new)


def image(name, content):
    return lambda files: files.images.update({name: content})


def many(*breaks):
    return lambda files: [each(files) for each in breaks]


CASES = {
    "text for a number": (layouts.features, cells((4, "p1", "ten")), ["t.csv, row 4, column 'p1': 'ten'", "finite"]),
    "NaN": (layouts.features, cells((5, "p2", "nan")), ["row 5, column 'p2': 'nan', expected a finite number"]),
    "infinity": (layouts.features, cells((6, "p2", "-inf")), ["row 6, column 'p2': '-inf'"]),
    "an empty feature": (layouts.features, cells((7, "p1", "")), ["row 7, column 'p1': an empty value"]),
    "more than float32": (layouts.features, cells((8, "p1", "1e300")), ["row 8, column 'p1': 1e+300", "1e+37"]),
    "a decimal comma": (layouts.features, cells((9, "p1", "1,5")), ["row 9, column 'p1': '1,5'"]),
    "a date": (layouts.features, cells((2, "p2", "2024-02-30")), ["row 2, column 'p2': '2024-02-30'"]),
    "an empty label": (layouts.features, cells((3, "y", " ")), ["row 3, column 'y': ' ', expected a class label"]),
    "a label of 201 characters": (layouts.features, cells((3, "y", "x" * 201)), ["row 3, column 'y'", "at most 200"]),
    "a NUL in a label": (layouts.features, cells((3, "y", "a\0")), ["row 3, column 'y'", "without NUL"]),
    "one class": (layouts.features, lambda f: of_all_rows(f, "y", "a"), ["t.csv: one class only ('a')"]),
    "features that never vary": (
        layouts.features,
        many(lambda f: of_all_rows(f, "p1", "1"), lambda f: of_all_rows(f, "p2", "2")),
        ["t.csv: every feature has one value in all rows ('p1', 'p2')"],
    ),
    "no rows": (layouts.features, lambda f: f.rows.clear(), ["t.csv: no rows, expected at least two"]),
    "no label column": (layouts.features, lambda f: without_column(f, "y"), ["t.csv: no column 'y'", "'p1', 'p2'"]),
    "a line with a value less": (layouts.features, lambda f: f.rows[9].pop(), ["t.csv, row 10: number of values 2"]),
    "a line with a value more": (layouts.features, lambda f: f.rows[9].append("q"), ["row 10: number of values 4"]),
    "a mistyped split": (layouts.parts, cells((4, "s", "trian")), ["row 4, column 's': 'trian', expected train or"]),
    "an empty split": (layouts.parts, cells((5, "s", "")), ["row 5, column 's': an empty value"]),
    "no training rows": (
        layouts.parts,
        many(lambda f: of_all_rows(f, "s", "test"), lambda f: of_all_rows(f, "g", "one")),
        ["t.csv: the training split is empty"],
    ),
    "a label of the test part only": (
        layouts.parts,
        cells((30, "y", "ab")),
        ["row 30, column 'y': unknown label 'ab', expected one of the classes of the training rows"],
    ),
    "a group in two parts": (
        layouts.parts,
        cells((26, "g", "train1")),
        ["row 26, column 'g': group 'train1' of the test part is also in the train part (row 2)"],
    ),
    "an empty group": (layouts.parts, cells((26, "g", "")), ["row 26, column 'g': an empty value, expected a group"]),
    "negative votes": (layouts.votes, cells((3, "v_b", -2)), ["row 3, column 'v_b': -2, expected a count of votes"]),
    "half a vote": (layouts.votes, cells((4, "v_a", 0.5)), ["row 4, column 'v_a': 0.5, expected a count of votes"]),
    "no votes in a row": (
        layouts.votes,
        cells((5, "v_a", 0), (5, "v_b", 0), (5, "v_c", 0)),
        ["t.csv, row 5, column 'v_a ... v_c': no votes at all"],
    ),
    "one column of votes": (
        layouts.votes,
        many(lambda f: without_column(f, "v_a"), lambda f: without_column(f, "v_b")),
        ["t.csv: only one column of votes ('v_c')"],
    ),
    "probabilities that do not sum to 1": (
        lambda: layouts.votes(probabilities=True),
        cells((6, "v_a", 0.9), (6, "v_b", 0.4), (6, "v_c", 0)),
        ["row 6, column 'v_a ... v_c': a row that sums to 1.3, expected a sum of 1 (or pass --normalise)"],
    ),
    "NaN in parquet": (
        lambda: layouts.features("parquet"), cells((5, "p1", math.nan)), ["t.parquet, row 5, column 'p1': nan"]
    ),
    "nothing in parquet": (
        lambda: layouts.features("parquet"), cells((5, "y", None)), ["t.parquet, row 5, column 'y': an empty value"]
    ),
    "a type of parquet that is no number": (
        lambda: layouts.features("parquet"),
        lambda f: of_all_rows(f, "p1", [1]),
        ["t.parquet: column 'p1' holds values of type list"],
    ),
    "votes of parquet below zero": (
        lambda: layouts.votes("parquet"), cells((3, "v_b", -2)), ["t.parquet, row 3, column 'v_b': -2"]
    ),
    "a path of nothing": (
        layouts.paths, cells((2, "file", "img/0.gif")), ["t.csv, row 2, column 'file': 'img/0.gif' does not exist"]
    ),
    "a path that leads out": (
        layouts.paths, cells((2, "file", "../x.png")), ["row 2, column 'file': '../x.png' leads outside the folder"]
    ),
    "a path of a folder": (layouts.paths, cells((2, "file", "img")), ["row 2, column 'file': 'img' is a folder"]),
    "an image that is cut": (
        layouts.paths, lambda f: cut(f, "img/3.png", 60), ["row 4, column 'file': 'img/3.png' is cut off"]
    ),
    "text called an image": (
        layouts.paths, image("img/3.png", b"hello"), ["row 4, column 'file': 'img/3.png' is not an image"]
    ),
    "an empty file in a folder": (layouts.folder, image("d/a/3.png", b""), ["a/3.png: is empty, expected a whole"]),
    "a scale that is not stated": (
        layouts.folder, image("d/b/x.tif", np.ones((8, 8), np.float32)), ["b/x.tif: holds values without a stated"]
    ),
    "an image beside the class folders": (
        layouts.folder, renamed("d/a/0.png", "d/0.png"), ["0.png: lies in no class folder, expected CLASS/IMAGE"]
    ),
    "a class of the test folder only": (
        layouts.split_folders,
        renamed("d/test/a/24.png", "d/test/A/24.png"),
        ["test/A/24.png: unknown label 'A', expected one of the classes of the training rows", "did you mean 'a'"],
    ),
    "an empty test folder": (
        layouts.split_folders,
        many(
            lambda f: [f.images.pop(name) for name in list(f.images) if "/test/" in name], image("d/test", None)
        ),
        ["folder 'test' holds no images in class folders"],
    ),
    "two folders of one split": (
        layouts.split_folders, renamed("d/val/a/18.png", "d/valid/a/18.png"), ["d: two folders for one split"]
    ),
    "many problems, and a warning that they would hide": (
        layouts.parts,
        cells(
            *((row, "p1", "nan") for row in range(1, 7)), (8, "p2", "x"), (9, "y", ""), (10, "s", "?"), (12, "g", ""),
            (13, "y", "B"), (30, "p1", "13.5"), (30, "p2", "3"),
        ),
        ["10 of 30 rows", "row 1, column 'p1'", "row 9, column 'y'", "row 10, column 's'", "row 12, column 'g'",
         "warning: classes 'B' and 'b' differ only in spaces or case",
         "warning: inputs of the test part that are also in the training part: 1 (first: t.csv, row 30 = "],
    ),
}  # fmt: skip


@pytest.fixture
def told(tmp_path, monkeypatch):
    """Gives a written data set to the command, which stops where training would begin: (code, stderr, warnings)."""
    reached = []

    def stop(config, prepared, backbone=None):
        reached.append([*prepared.source.warnings, *prepared.splits.warnings])  # that rows are few is no fault
        raise FailedRunError("past the checks")

    monkeypatch.setattr("softlabel.training.train.build_method", stop)
    monkeypatch.setenv("SOFTLABEL_TRACEBACK", "")

    def tell(files, name):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        files.write(tmp_path / name)
        reached.clear()
        errors = io.StringIO()
        with contextlib.redirect_stderr(errors):
            code = main(["train", "--source", files.source, *files.options])
        assert not (tmp_path / name / "runs").exists()
        return code, errors.getvalue(), list(reached)

    return tell


@pytest.mark.parametrize("name", CASES)
def test_broken_is_refused_and_mended_is_not(name, told):
    layout, break_it, expected = CASES[name]
    code, errors, reached = told(layout(), "mended")
    assert (code, reached) == (1, [[]]), errors
    broken = layout()
    break_it(broken)
    code, errors, reached = told(broken, "broken")
    assert (code, reached) == (2, []), errors
    assert [part for part in expected if part not in errors] == [], errors


def test_there_are_forty():
    assert len(CASES) >= 40
