"""Data that have changed are told from those that have not, and the words say which part and how many rows."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest
import torch
from PIL import Image
from scipy.io import loadmat, savemat

from softlabel.data.config import Columns, DataConfig
from softlabel.data.fingerprint import Fingerprint, differences, scored_differences
from softlabel.data.reading.open_source import open_source
from softlabel.data.splitting.splits import make_splits
from tests.data import made_sources as made
from tests.data.made_sources import Change, Table, edited, in_order, of_part

Make = Callable[[Path], DataConfig]
LABEL, PART = 4, 5


def strata(annotation: Any) -> np.ndarray[Any, Any]:
    values = annotation.numpy().reshape(len(annotation), -1)
    return values[:, 0] if values.dtype == np.int64 else np.zeros(len(values), dtype=np.int64)


def fingerprint(config: DataConfig, columns: Columns | None = None) -> Fingerprint:
    return make_splits(open_source(config, columns), config, strata).fingerprint


def shuffled(rows: Table, column: int) -> None:
    values = [row[column] for row in rows]
    random.Random(1).shuffle(values)
    for row, new in zip(rows, values, strict=True):
        row[column] = new


def relabelled(part: str) -> Change:
    def relabel(header: list[str], rows: Table) -> None:
        row = of_part(rows, part)[0]
        row[LABEL] = other(row)

    return edited(relabel)


def other(row: list[str]) -> str:
    return "cat" if row[LABEL] != "cat" else "dog"


def number(row: int, column: int, text: str, file: str = "t.csv") -> Change:
    return edited(lambda _, rows: rows[row].__setitem__(column, text), file)


def scaled(column: int) -> Change:
    def scale(header: list[str], rows: Table) -> None:
        for row in rows:
            row[column] = str(1000 * float(row[column]))

    return edited(scale)


def swapped_values(header: list[str], rows: Table) -> None:
    for row in rows:
        row[0], row[1] = row[1], row[0]


def renamed(old: str, new: str, file: str = "t.csv") -> Change:
    def rename(root: Path) -> None:
        path = root / file
        path.write_text(path.read_text().replace(old, new))

    return rename


def parts_exchanged(header: list[str], rows: Table) -> None:
    rows[0][PART], rows[2][PART] = rows[2][PART], rows[0][PART]


def labels_exchanged(header: list[str], rows: Table) -> None:
    for row in rows:
        row[LABEL] = {"cat": "dog", "dog": "cat", "cow": "cow"}[row[LABEL]]


def other_level(header: list[str], rows: Table) -> None:
    rows[5][LABEL] = str(1 - int(rows[5][LABEL]))


def names_exchanged(header: list[str], rows: Table) -> None:
    header[0], header[1] = header[1], header[0]


def one_more(header: list[str], rows: Table) -> None:
    rows.append(["1", "2", "3", "4", "cat", "train"])


def without_third(header: list[str], rows: Table) -> tuple[list[str], Table]:
    training = of_part(rows, "train")
    return header, [row for row in rows if row not in training[: len(training) // 3]]


def repainted(path: str, into: int = 7) -> Change:
    def paint(root: Path) -> None:
        file = next(root.glob(path))
        pixels = np.array(Image.open(file))
        pixels[4, 4] = into if pixels[4, 4] != into else 1 - into % 2
        Image.fromarray(pixels).save(file)

    return paint


def exchanged(root: Path) -> None:
    """Two images of two classes change places."""
    one, two = (next((root / "photos" / name).glob("*.bmp")) for name in ("cat", "dog"))
    content = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(content)


def moved(root: Path) -> None:
    path = next((root / "photos" / "cat").glob("*.bmp"))
    path.rename(root / "photos" / "dog" / path.name)


def removed(root: Path) -> None:
    next((root / "photos" / "cat").glob("*.bmp")).unlink()


def added(root: Path) -> None:
    Image.fromarray(made.PIXELS[0] // 2).save(root / "photos" / "cat" / "99.bmp")


def other_folder_name(root: Path) -> None:
    (root / "photos" / "cow").rename(root / "photos" / "cob")


def other_class_order(root: Path) -> None:
    (root / "L_classes.txt").write_text("dog\ncow\ncat")


def other_attribute(root: Path) -> None:
    path = root / "m-test.arff"
    *lines, last = path.read_text().strip().split("\n")
    start, _, level = last.rpartition(",")
    path.write_text("\n".join([*lines, f"{start},{1 - int(level)}"]) + "\n")


def list_label(root: Path) -> None:
    first, *rest = (root / "L_train.txt").read_text().split("\n")
    image, _, label = first.rpartition(" ")
    (root / "L_train.txt").write_text("\n".join([f"{image} {(int(label) + 1) % 3}", *rest]))


def other_parquet(root: Path) -> None:
    number(1, 0, "9.5")(root)
    pyarrow.parquet.write_table(pyarrow.csv.read_csv(root / "t.csv"), root / "t.parquet")


def other_mat(root: Path) -> None:
    arrays = loadmat(root / "t.mat")
    arrays["labels"][0] = arrays["labels"][0][::-1]
    savemat(root / "t.mat", {name: arrays[name] for name in ("features", "labels")})


def other_hub(root: Path) -> None:
    saved = datasets.load_from_disk(root / "saved").map(lambda row: {"f0": row["f0"] + (row["f1"] > 1)})
    saved.save_to_disk(root / "new")
    del saved
    shutil.rmtree(root / "saved")
    (root / "new").rename(root / "saved")


CHANGES: dict[str, tuple[Make, Change, str]] = {
    "training labels shuffled": (
        made.given_parts, edited(lambda _, rows: shuffled(of_part(rows, "train"), LABEL)), "of all 60 labels differ",
    ),
    "one training label": (made.given_parts, relabelled("train"), "training part: 1 of 36 labels differ"),
    "one validation label": (made.given_parts, relabelled("validation"), "validation part: 1 of 12 labels differ"),
    "one test label": (made.given_parts, relabelled("test"), "test part: 1 of 12 labels differ"),
    "a feature scaled": (made.given_parts, scaled(2), "training part: 36 of 36 rows differ"),
    "one cell": (made.given_parts, number(2, 0, "9.5"), "training part: 1 of 36 rows differ"),
    "one digit of a cell": (made.given_parts, number(1, 0, "0.90001"), "validation part: 1 of 12 rows differ"),
    "a third of the rows dropped": (
        made.given_parts, edited(without_third), "training part: 12 of 36 rows are not there any more, 0 are new",
    ),
    "a row added": (made.given_parts, edited(one_more), "part: 0 of 36 rows are not there any more, 1 are new"),
    "a row twice": (made.given_parts, edited(lambda _, rows: rows.append(list(rows[2]))), "1 are new"),
    "rows reversed": (
        made.given_parts, edited(lambda _, rows: rows.reverse()), "training part: the same rows in another order",
    ),
    "rows sorted": (made.given_parts, edited(lambda _, rows: rows.sort()), "the same rows in another order"),
    "two rows exchanged": (
        made.given_parts, edited(lambda _, rows: rows.insert(2, rows.pop(3))), "the same rows in another order",
    ),
    "a row of another part": (made.given_parts, number(2, PART, "test"), "in another order or in other parts"),
    "rows of two parts exchanged": (made.given_parts, edited(parts_exchanged), "test part: 1 of 12 rows differ"),
    "a class renamed": (made.given_parts, renamed("cow", "cod"), "classes differ ('cow' missing, 'cod' new)"),
    "a class more": (made.given_parts, number(2, LABEL, "emu"), "classes differ ('emu' new)"),
    "two classes change names": (made.given_parts, edited(labels_exchanged), "labels differ"),
    "a feature renamed": (made.given_parts, renamed("f1", "fx"), "feature columns differ ('f1' missing, 'fx' new)"),
    "values of two features exchanged": (made.given_parts, edited(swapped_values), "36 of 36 rows differ"),
    "names of two features exchanged": (made.given_parts, edited(names_exchanged), "columns are in another order"),
    "one label, parts drawn": (made.features, number(0, LABEL, other(["", "", "", "", made.CLASSES[made.LABELS[0]]])),
        "1 of all 60 labels differ"),
    "labels shuffled, parts drawn": (
        made.features, edited(lambda _, rows: shuffled(rows, LABEL)), "of all 60 labels differ",
    ),
    "rows reversed, parts drawn": (
        made.features, edited(lambda _, rows: rows.reverse()), "all rows are the same, in another order",
    ),
    "a vote": (made.votes, number(5, 4, "30"), "1 of all 60 labels differ"),
    "vote columns exchanged": (
        made.votes, in_order([*made.FEATURES, "v_dog", "v_cow", "v_cat"]), "classes are in another order",
    ),
    "a vote column renamed": (made.votes, renamed("v_cow", "v_cod"), "'v_cow' missing, 'v_cod' new"),
    "a value": (made.value, number(5, 4, "77"), "1 of all 60 labels differ"),
    "a spread": (made.value, number(5, 5, "77"), "1 of all 60 labels differ"),
    "a spread taken away": (made.value, number(5, 5, ""), "1 of all 60 labels differ"),
    "an angle": (made.angles, number(5, 5, "77"), "1 of all 60 labels differ"),
    "a level": (made.levels, edited(other_level), "1 of all 60 labels differ"),
    "a pixel": (made.photos, repainted("photos/cat/*.bmp"), "rows differ"),
    "a pixel of a file as long": (made.streamed_photos, repainted("photos/cat/*.bmp"), "rows differ"),
    "images exchanged": (made.photos, exchanged, "labels differ"),
    "files exchanged": (made.streamed_photos, exchanged, "labels differ"),
    "an image in another class": (made.photos, moved, "1 of all 60 labels differ"),
    "an image removed": (made.streamed_photos, removed, "rows are not there any more"),
    "an image added": (made.streamed_photos, added, "are new"),
    "a class folder renamed": (made.photos, other_folder_name, "'cow' missing, 'cob' new"),
    "a label of a list": (made.lists, list_label, "training part: 1 of 36 labels differ"),
    "a class of a class file renamed": (made.lists, renamed("cow", "cod", "L_classes.txt"), "classes differ"),
    "classes of a class file exchanged": (made.lists, other_class_order, "classes are in another order"),
    "an image of a list": (made.lists, repainted("photos/cat/*.bmp"), "rows differ"),
    "a pixel of a mask": (made.masks, repainted("street/masks/03.png", 1), "1 of all 20 labels differ"),
    "a class of masks renamed": (made.masks, renamed("ink", "pen", "street/classes.txt"), "classes differ"),
    "a value of a parquet file": (made.parquet, other_parquet, "validation part: 1 of 12 rows differ"),
    "a distribution of a mat file": (made.mat, other_mat, "1 of all 60 labels differ"),
    "a label of an arff file": (made.arff, other_attribute, "test part: 1 of 20 labels differ"),
    "a dataset of the hub": (made.hub, other_hub, "rows differ"),
    "a correction": (
        made.corrected, edited(lambda _, rows: rows.pop(0), "c.csv"), "training part: 1 of 36 labels differ",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_seen_and_told(name: str, tmp_path: Path) -> None:
    make, change, words = CHANGES[name]
    config = make(tmp_path)
    before = fingerprint(config)
    change(tmp_path)
    after = fingerprint(config)
    assert words in "; ".join(differences(before, after))
    assert after.data_hash != before.data_hash


def touched(root: Path) -> None:
    for path in root.rglob("*"):
        os.utime(path, (1, 1))


def written_again(root: Path) -> None:
    """The same numbers, written otherwise, with other line ends."""
    path = root / "t.csv"
    text = path.read_text().replace("-0.", "-.").replace("\n", "\r\n")
    path.unlink()
    path.write_text(text, newline="")


def more_columns(header: list[str], rows: Table) -> tuple[list[str], Table]:
    names = ["f_note", *reversed(header), "f9"]
    return names, [["text", *reversed(row), "1"] for row in rows]


SAME: dict[str, tuple[Make, Change]] = {
    "touched table": (made.given_parts, touched),
    "touched images": (made.streamed_photos, touched),
    "written again": (made.given_parts, written_again),
    "columns in another order": (made.given_parts, in_order(["part", "f3", "f1", "label", "f2", "f0"])),
    "vote columns in another order": (made.votes, in_order(["v_dog", "f3", "v_cat", "f1", "v_cow", "f2", "f0"])),
    "level columns in another order": (made.levels, in_order(["is_dog", "f3", "is_cat", "f1", "is_cow", "f2", "f0"])),
    "angles in another order": (made.angles, in_order(["yaw", *made.FEATURES, "pitch"])),
    "more columns": (made.given_parts, edited(more_columns)),
    "a correction that changes nothing": (made.corrected, edited(lambda _, rows: rows.pop(1), "c.csv")),
}


@pytest.mark.parametrize("name", SAME)
def test_what_is_the_same_is_not_refused(name: str, tmp_path: Path) -> None:
    make, change = SAME[name]
    config = make(tmp_path)
    before = fingerprint(config)
    change(tmp_path)
    after = fingerprint(config, before.columns)
    assert differences(before, after) == []
    assert after.data_hash == before.data_hash


def test_another_working_folder_and_a_moved_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = made.streamed_photos(tmp_path)
    before = fingerprint(config)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").rename(tmp_path / "pictures")
    assert differences(before, fingerprint(config.model_copy(update={"source": "folder:pictures"}))) == []


def test_splits_of_a_hub_dataset_are_joined_by_name(tmp_path: Path) -> None:
    source = open_source(made.hub(tmp_path))
    assert source.class_names == list(made.CLASSES)
    assert source.samples.annotation.tolist() == made.LABELS.tolist()
    assert np.array_equal(source.samples.read(torch.arange(made.ROWS)).numpy(), made.NUMBERS.astype(np.float32))


def test_files_of_an_arff_pair_are_joined_by_name(tmp_path: Path) -> None:
    source = open_source(made.arff(tmp_path))
    assert source.feature_names == ["x", "y"]
    assert np.array_equal(source.samples.annotation.numpy(), 2 * (made.VOTES[:, :2] > 2))
    assert np.allclose(source.samples.read(torch.arange(made.ROWS)).numpy(), made.NUMBERS[:, :2], atol=1e-6)


@pytest.mark.parametrize("part", ["training", "validation", "test"])
@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("one training label", "training"),
        ("one validation label", "validation"),
        ("one test label", "test"),
        ("one digit of a cell", "validation"),
        ("one cell", "training"),
        ("a third of the rows dropped", "training"),
        ("a row added", "training"),
    ],
)
def test_scores_of_a_part_depend_on_its_own_rows(name: str, changed: str, part: str, tmp_path: Path) -> None:
    make, change, _ = CHANGES[name]
    config = make(tmp_path)
    before = fingerprint(config)
    change(tmp_path)
    own, beside = scored_differences(before, fingerprint(config), part)
    assert bool(own) == (part == changed)
    assert any(text.startswith(f"{changed} part: ") for text in (own if part == changed else beside))


def test_scores_depend_on_names_and_on_the_rows_of_a_part_that_is_drawn_anew(tmp_path: Path) -> None:
    for name in ("a class renamed", "a class more", "labels shuffled, parts drawn"):
        make, change, words = CHANGES[name]
        config = make(tmp_path)
        before = fingerprint(config)
        change(tmp_path)
        assert words in "; ".join(scored_differences(before, fingerprint(config), "test")[0])
