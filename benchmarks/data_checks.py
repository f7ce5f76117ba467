"""CPU seconds to open, check and split 50,000 rows: a CSV of features, and small PNG files that are streamed.

    python -m benchmarks data_checks --out benchmarks/results/data-checks-cpu

The time is the process's own (user and system, all threads), from the name of the source to the splits: reading,
every refusal and warning, duplicates, the hash of the test part. Beside it what only reading the same files takes:
Arrow's CSV reader, and Pillow's decoder. The files are made in a temporary folder, and were just written, so that the
disk hardly counts.
"""

from __future__ import annotations

import csv
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv
from PIL import Image

from benchmarks.benchmark import Json
from benchmarks.options import whole
from softlabel.data.config import DataConfig
from softlabel.data.reading.open_source import open_source
from softlabel.data.splitting.splits import make_splits
from softlabel.tasks.prepared import prepare

RIVAL = "reading the same files and nothing else: Arrow's CSV reader, Pillow's decoder"
PACKAGES = ("pyarrow", "pillow")
QUICK = ("--rows", "200")
CLASSES, FEATURES, SIDE = 10, 20, 16


def feature_table(folder: Path, rows: int) -> dict[str, Any]:
    """A CSV of features and labels."""
    values = np.random.default_rng(0).normal(size=(rows, FEATURES)).round(4).tolist()
    with (folder / "features.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*(f"x{d}" for d in range(FEATURES)), "label"])
        writer.writerows([*row, i % CLASSES] for i, row in enumerate(values))
    return {"source": f"csv:{folder / 'features.csv'}", "feature_columns": ["x*"], "label_column": "label"}


def image_table(folder: Path, rows: int) -> dict[str, Any]:
    """A CSV of paths of grey PNGs, each like no other, and labels."""
    pixels = np.random.default_rng(0).integers(0, 256, (rows, SIDE, SIDE), dtype=np.uint8)
    (folder / "images").mkdir()
    with (folder / "images.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label"])
        for i in range(rows):
            Image.fromarray(pixels[i]).save(folder / "images" / f"{i:05d}.png", compress_level=1)
            writer.writerow([f"images/{i:05d}.png", i % CLASSES])
    table = f"csv:{folder / 'images.csv'}"
    return {"source": table, "image_column": "path", "label_column": "label", "memory": "stream"}


def read_table(folder: Path) -> None:
    pyarrow.csv.read_csv(folder / "features.csv", read_options=pyarrow.csv.ReadOptions(use_threads=False))


def read_images(folder: Path) -> None:
    for path in sorted((folder / "images").iterdir()):
        with Image.open(path) as image:
            image.load()


KINDS: dict[str, tuple[Callable[[Path, int], dict[str, Any]], Callable[[Path], None]]] = {
    "features": (feature_table, read_table),
    "images": (image_table, read_images),
}


Spent = dict[str, float]


class Clock:
    """Seconds of the process and by the clock, since it was made."""

    def __init__(self) -> None:
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def read(self) -> Spent:
        return {"cpu": time.process_time() - self._cpu, "wall": time.perf_counter() - self._wall}


def checked(config: DataConfig) -> dict[str, Spent]:
    """Of opening with all checks, and of the splits with duplicates and the test hash."""
    stratify = prepare(config).task.stratify
    clock = Clock()
    source = open_source(config)
    seconds = {"open": clock.read()}
    clock = Clock()
    make_splits(source, config, stratify)
    return seconds | {"split": clock.read()}


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--rows", type=whole, default=50_000)


def measure(options: Namespace) -> Json:
    seconds: Json = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for kind, (make, read) in KINDS.items():
            config = DataConfig(**make(folder, options.rows))
            seconds[kind] = checked(config)
            clock = Clock()
            read(folder)
            seconds[kind]["read"] = clock.read()
    return {"rows": options.rows, "seconds": seconds}


def told(measured: Json) -> str:
    lines = [f"{measured['rows']:,} rows"]
    for kind, seconds in measured["seconds"].items():
        cpu = {name: one["cpu"] for name, one in seconds.items()}
        lines.append(
            f"{kind:<9} {cpu['open'] + cpu['split']:5.1f} CPU s (open and check {cpu['open']:.1f}, splits"
            f" {cpu['split']:.1f}); only to read the files {cpu['read']:.1f}"
        )
    return "\n".join(lines)
