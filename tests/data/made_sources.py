"""Small sources of every kind in a folder, and ways to change what lies in one."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow.csv
import pyarrow.parquet
from PIL import Image
from scipy.io import savemat

from softlabel.data.config import DataConfig

ROWS = 60
CLASSES = ("cat", "cow", "dog")
FEATURES = [f"f{d}" for d in range(4)]
PARTS = ("test", "validation", "train", "train", "train")
Table = list[list[str]]
Change = Callable[[Path], None]
_random = np.random.default_rng(0)
NUMBERS = _random.normal(size=(ROWS, 4)).round(3)
PIXELS = _random.integers(0, 256, (ROWS, 8, 8), dtype=np.uint8)
LABELS = _random.integers(0, 3, ROWS)
VOTES = _random.multinomial(9, [0.5, 0.3, 0.2], ROWS)


def write_table(path: Path, header: list[str], rows: Any) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def features(root: Path, **options: Any) -> DataConfig:
    """Features and labels; `part` says the part."""
    rows = [[*x, CLASSES[k], PARTS[i % 5]] for i, (x, k) in enumerate(zip(NUMBERS.tolist(), LABELS, strict=True))]
    write_table(root / "t.csv", [*FEATURES, "label", "part"], rows)
    return DataConfig(source=f"csv:{root / 't.csv'}", feature_columns=["f*"], label_column="label", **options)


def given_parts(root: Path) -> DataConfig:
    return features(root, split_column="part")


def annotated(root: Path, names: list[str], columns: Any, **options: Any) -> DataConfig:
    """Features, and columns of votes, values or levels."""
    rows = [[*x, *y] for x, y in zip(NUMBERS.tolist(), columns.tolist(), strict=True)]
    write_table(root / "t.csv", [*FEATURES, *names], rows)
    return DataConfig(source=f"csv:{root / 't.csv'}", feature_columns=["f*"], **options)


def votes(root: Path) -> DataConfig:
    return annotated(root, [f"v_{name}" for name in CLASSES], VOTES, vote_columns=["v_*"])


def value(root: Path) -> DataConfig:
    return annotated(root, ["age", "sd"], NUMBERS[:, :2] ** 2 + 1, value_column="age", sigma_column="sd")


def angles(root: Path) -> DataConfig:
    return annotated(root, ["pitch", "yaw"], np.round(NUMBERS[:, 2:] * 10), value_columns=["pitch", "yaw"])


def levels(root: Path) -> DataConfig:
    return annotated(root, [f"is_{name}" for name in CLASSES], (VOTES > 2).astype(int), level_columns=["is_*"])


def parquet(root: Path) -> DataConfig:
    config = given_parts(root)
    pyarrow.parquet.write_table(pyarrow.csv.read_csv(root / "t.csv"), root / "t.parquet")
    return config.model_copy(update={"source": f"parquet:{root / 't.parquet'}"})


def photos(root: Path, memory: str = "hold") -> DataConfig:
    for i, (pixels, label) in enumerate(zip(PIXELS, LABELS, strict=True)):
        folder = root / "photos" / CLASSES[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / f"{i:02d}.bmp")
    return DataConfig.model_validate({"source": f"folder:{root / 'photos'}", "memory": memory})


def streamed_photos(root: Path) -> DataConfig:
    return photos(root, "stream")


def lists(root: Path) -> DataConfig:
    """Lists of images below the folder, and the names of their classes."""
    photos(root)
    lines: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for i, label in enumerate(LABELS.tolist()):
        part = PARTS[i % 5].replace("validation", "val")
        lines[part].append(f"photos/{CLASSES[label]}/{i:02d}.bmp {label}")
    for part, text in lines.items():
        (root / f"L_{part}.txt").write_text("\n".join(text))
    (root / "L_classes.txt").write_text("\n".join(CLASSES))
    return DataConfig(source=f"lists:{root}")


def masks(root: Path) -> DataConfig:
    for kind, pixels in (("images", PIXELS), ("masks", (PIXELS > 90).astype(np.uint8))):
        (root / "street" / kind).mkdir(parents=True)
        for i in range(20):
            Image.fromarray(pixels[i]).save(root / "street" / kind / f"{i:02d}.png")
    (root / "street" / "classes.txt").write_text("paper\nink\n")
    return DataConfig(source=f"masks:{root / 'street'}")


def mat(root: Path) -> DataConfig:
    savemat(root / "t.mat", {"features": NUMBERS, "labels": VOTES / 9})
    return DataConfig(source=f"mat:{root / 't.mat'}")


def arff(root: Path) -> DataConfig:
    """A training and a test file, whose attributes stand in another order."""
    names, table = ["x", "y", "calm", "sad"], np.concatenate([NUMBERS[:, :2], VOTES[:, :2] > 2], 1)
    for file, order, rows in (("m-train", [0, 1, 2, 3], table[:40]), ("m-test", [3, 1, 0, 2], table[40:])):
        header = "\n".join(f"@attribute {names[d]} numeric" for d in order)
        body = "\n".join(",".join(f"{row[d]:g}" for d in order) for row in rows)
        (root / f"{file}.arff").write_text(f"@relation m\n{header}\n@data\n{body}\n")
    (root / "m.xml").write_text('<labels><label name="calm"/><label name="sad"/></labels>')
    return DataConfig(source=f"arff:{root / 'm-train.arff'},m-test.arff")


def hub(root: Path) -> DataConfig:
    """A saved dataset whose test split has columns and classes in another order."""
    parts = {}
    for name, rows, classes in (("train", slice(0, 40), CLASSES), ("test", slice(40, 60), CLASSES[::-1])):
        index = [classes.index(CLASSES[k]) for k in LABELS[rows]]
        columns = {"label": index} | {f: NUMBERS[rows, d].tolist() for d, f in enumerate(FEATURES)}
        if name == "test":
            columns = dict(reversed(columns.items()))
        kinds = {f: datasets.Value("float64") for f in columns} | {"label": datasets.ClassLabel(names=list(classes))}
        parts[name] = datasets.Dataset.from_dict(columns, features=datasets.Features(kinds))
    datasets.DatasetDict(parts).save_to_disk(root / "saved")
    return DataConfig(source=f"hub:{root / 'saved'}", feature_columns=["f*"], label_column="label")


def corrected(root: Path) -> DataConfig:
    """Row 3 of the table gets another label, and row 4 the one it has."""
    config = given_parts(root)
    given = [CLASSES[LABELS[row]] for row in (2, 3)]
    rows = [[3, given[0], CLASSES[(LABELS[2] + 1) % 3]], [4, given[1], given[1]]]
    write_table(root / "c.csv", ["row", "given_label", "label"], rows)
    return config.model_copy(update={"corrections": str(root / "c.csv")})


def edited(change: Callable[[list[str], Table], Any], file: str = "t.csv") -> Change:
    """A change of a table's header and rows, in place or given back."""

    def edit(root: Path) -> None:
        with (root / file).open(newline="") as opened:
            header, *rows = csv.reader(opened)
        answer = change(header, rows)
        header, rows = answer if isinstance(answer, tuple) else (header, rows)
        write_table(root / file, header, rows)

    return edit


def of_part(rows: Table, part: str) -> Table:
    return [row for row in rows if row[-1] == part]


def in_order(names: list[str], file: str = "t.csv") -> Change:
    """The columns of a table in this order, each with its values."""

    def reorder(header: list[str], rows: Table) -> tuple[list[str], Table]:
        places = [header.index(name) for name in names]
        return names, [[row[place] for place in places] for row in rows]

    return edited(reorder, file)
