"""CPU seconds to open, check and split 50,000 rows: a CSV of features, and small PNG files that are streamed.

    python benchmarks/data_checks.py --out benchmarks/results/data-checks-cpu

The time is the process's own (user and system, all threads), from the name of the source to the splits: reading,
every refusal and warning, duplicates, the hash of the test part. The files are made in a temporary folder, and were
just written, so that the disk hardly counts.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from softlabel.data.config import DataConfig
from softlabel.data.reading.open_source import open_source
from softlabel.data.splitting.splits import make_splits
from softlabel.tasks.resolve import task_for

CLASSES, FEATURES, SIDE = 10, 20, 16


def feature_table(folder, rows):
    """A CSV of features and labels."""
    values = np.random.default_rng(0).normal(size=(rows, FEATURES)).round(4).tolist()
    with (folder / "features.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*(f"x{d}" for d in range(FEATURES)), "label"])
        writer.writerows([*row, i % CLASSES] for i, row in enumerate(values))
    return {"source": f"csv:{folder / 'features.csv'}", "feature_columns": ["x*"], "label_column": "label"}


def image_table(folder, rows):
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


def checked(config):
    """CPU and wall seconds of opening with all checks, and of the splits with duplicates and the test hash."""
    seconds = {}
    started, wall = time.process_time(), time.perf_counter()
    source = open_source(config)
    seconds["open"] = time.process_time() - started
    task = task_for("auto", source.annotation_kind, source.class_names)
    make_splits(source, config, task.stratify)
    seconds["all"] = time.process_time() - started
    seconds["wall"] = time.perf_counter() - wall
    return seconds


def text(results):
    """One line per kind of rows."""
    lines = [f"{results['rows']:,} rows, open and check; {results['machine']}"]
    for name, seconds in results["seconds"].items():
        lines.append(
            f"{name:<9} {seconds['all']:5.1f} CPU s (open {seconds['open']:.1f}, splits "
            f"{seconds['all'] - seconds['open']:.1f}), {seconds['wall']:.1f} s by the clock"
        )
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--out", type=Path, help="write PATH.txt and PATH.json")
    options = parser.parse_args()
    warm_up = DataConfig()
    open_source(warm_up)  # imports count for every command, not for its rows
    seconds = {}
    with tempfile.TemporaryDirectory() as name:
        for kind, make in (("features", feature_table), ("images", image_table)):
            seconds[kind] = checked(DataConfig(**make(Path(name), options.rows)))
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    results = {"rows": options.rows, "seconds": seconds, "machine": machine}
    print(text(results))
    if options.out:
        options.out.with_suffix(".txt").write_text(text(results) + "\n", encoding="utf-8")
        options.out.with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
