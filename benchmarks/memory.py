"""Peak memory of compare, predict and evaluate on streamed images, and on ten times as many.

    python benchmarks/memory.py --out benchmarks/results/memory-cpu

Images are grey PNGs of 16 x 16 pixels in one folder per class, read with `--memory stream`. A number is the largest
resident set of any process of the command (kernel's own count). What still grows with the rows are names, labels,
places of files, and, for the test rows of a comparison, what each adds to each score.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

SIDE, CLASSES, FACTOR = 16, 4, 10
TRAINING = ["--methods", "cross_entropy,label_smoothing", "--seeds", "2", "--epochs", "1", "--jobs", "1"]
NETWORK = ["--backbone", "mlp", "--hidden", "16"]


def make_images(folder, number):
    """A folder of images by class, each different from all others."""
    generator = np.random.default_rng(0)
    for index in range(number):
        label = index % CLASSES
        place = folder / f"class{label}"
        place.mkdir(parents=True, exist_ok=True)
        pixels = generator.integers(0, 200, (SIDE, SIDE), dtype=np.uint8)
        pixels[label * 4 : label * 4 + 4] += 50
        Image.fromarray(pixels).save(place / f"{index:06d}.png")


def peak(words):
    """Peak resident MiB of a softlabel command and of its processes, and the seconds it took."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "softlabel.cli.main", *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    complaint = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"softlabel {' '.join(words)} failed:\n{complaint.decode()}")
    return usage.ru_maxrss / 1024, time.perf_counter() - started


def measure(folder, number):
    """Peaks of the three commands on this many images."""
    images, runs = folder / f"images{number}", folder / f"runs{number}"
    make_images(images, number)
    data = ["--source", f"folder:{images}", "--memory", "stream"]
    peaks = {"compare": peak(["compare", *data, *NETWORK, *TRAINING, "--runs", str(runs)])}
    (run,) = runs.iterdir()
    peaks["predict"] = peak(["predict", str(run), str(images), "--out", str(folder / f"answers{number}.csv")])
    peaks["evaluate"] = peak(["evaluate", str(run)])
    return peaks


def table(results):
    """The table of the page, in Markdown."""
    lines = ["| command | rows | MiB | rows | MiB | ratio |", "| --- | --- | --- | --- | --- | --- |"]
    for command, (few, many) in results["peaks"].items():
        fewer, more = results["rows"]
        lines.append(f"| {command} | {fewer:,} | {few:.0f} | {more:,} | {many:.0f} | {many / few:.2f} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2000, help="images of the smaller folder")
    parser.add_argument("--out", type=Path, help="write PATH.txt and PATH.json")
    options = parser.parse_args()
    rows = [options.rows, FACTOR * options.rows]
    with tempfile.TemporaryDirectory() as name:
        found = [measure(Path(name), number) for number in rows]
    results = {
        "rows": rows,
        "peaks": {command: [one[command][0] for one in found] for command in found[0]},
        "seconds": {command: [one[command][1] for one in found] for command in found[0]},
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
    }
    print(table(results))
    if options.out:
        options.out.with_suffix(".txt").write_text(table(results) + "\n", encoding="utf-8")
        options.out.with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
