"""Small clean data sets in every layout, as plain values that a test changes before it writes them."""

import csv
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from PIL import Image

ROWS = 30


@dataclass
class Files:
    """What a data set is before it is written: a table, and images by name (pixels, or the bytes of a file)."""

    source: str
    options: tuple[str, ...]
    header: list[str] = field(default_factory=list)
    rows: list[list[object]] = field(default_factory=list)
    images: dict[str, np.ndarray | bytes] = field(default_factory=dict)

    def column(self, name):
        """Where a column stands in the rows."""
        return self.header.index(name)

    def put(self, row, name, value):
        """Change a cell; rows count from 1, as refusals do."""
        self.rows[row - 1][self.column(name)] = value

    def rename(self, old, new):
        """Move an image to another name."""
        self.images[new] = self.images.pop(old)

    def write(self, folder):
        """Make the files; the source is relative to the folder."""
        kind, _, name = self.source.partition(":")
        for image, content in self.images.items():
            save(Path(folder) / image, content)
        if kind == "csv":
            with (Path(folder) / name).open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([self.header, *self.rows])
        if kind == "parquet":
            columns = {name: [row[k] for row in self.rows] for k, name in enumerate(self.header)}
            pa.parquet.write_table(pa.table(columns), Path(folder) / name)


def save(path, content):
    """Write pixels as an image of the name's format, bytes as they are, None as an empty folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if content is None:
        path.mkdir()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        Image.fromarray(content).save(path)


def pixels(number, side=8):
    """An image (side, side) uint8 like no other number's."""
    return np.random.default_rng(number).integers(0, 256, (side, side), dtype=np.uint8)


def features(kind="csv"):
    """Two features and a label per row."""
    rows = [[i + 0.5, (7 * i) % 11, "abc"[i % 3]] for i in range(ROWS)]
    return Files(f"{kind}:t.{kind}", ("--feature-columns", "p*", "--label-column", "y"), ["p1", "p2", "y"], rows)


def parts():
    """As `features`, with a column of splits and one of groups: each group is in one part."""
    files = features()
    files.header += ["s", "g"]
    for i, row in enumerate(files.rows):
        split = ("train", "train", "train", "validation", "test")[i // 6]
        row += [split, f"{split}{i % 4}"]
    files.options += ("--split-column", "s", "--group-column", "g")
    return files


def votes(kind="csv", *, probabilities=False):
    """A feature and the votes, or probabilities, of three classes."""
    counts = [[3 - i % 3, 1 + i % 2, i % 3] for i in range(ROWS)]
    rows = [
        [i + 0.5, *([round(c / sum(row), 6) for c in row] if probabilities else row)] for i, row in enumerate(counts)
    ]
    options = ("--feature-columns", "x", "--vote-columns", "v_*")
    return Files(f"{kind}:t.{kind}", options, ["x", "v_a", "v_b", "v_c"], rows)


def paths():
    """A table of image paths."""
    images = {f"img/{i}.png": pixels(i) for i in range(ROWS)}
    rows = [[name, "abc"[i % 3]] for i, name in enumerate(images)]
    return Files("csv:t.csv", ("--image-column", "file", "--label-column", "y"), ["file", "y"], rows, images)


def folder():
    """Ten images in each of three class folders."""
    return Files("folder:d", (), images={f"d/{'abc'[i % 3]}/{i}.png": pixels(i) for i in range(ROWS)})


def split_folders():
    """Class folders in train, val and test."""
    named = {f"d/{('train', 'train', 'train', 'val', 'test')[i // 6]}/{'abc'[i % 3]}/{i}.png": i for i in range(ROWS)}
    return Files("folder:d", (), images={name: pixels(i) for name, i in named.items()})
