"""Peak memory of compare, predict and evaluate on streamed images, and on ten times as many.

    python -m benchmarks memory --out benchmarks/results/memory-cpu

Images are grey PNGs of 16 x 16 pixels in one folder per class, read with `--memory stream`. A number is the largest
resident set of any process of the command (kernel's own count). What still grows with the rows are names, labels,
places of files, and, for the test rows of a comparison, what each adds to each score.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import markdown
from benchmarks.benchmark import Json
from benchmarks.child import SOFTLABEL
from benchmarks.options import whole

RIVAL = "the same command on a tenth of the rows"
PACKAGES = ()
QUICK = ("--rows", "40")
SIDE, CLASSES, FACTOR = 16, 4, 10
TRAINING = ["--methods", "cross_entropy,label_smoothing", "--seeds", "2", "--epochs", "1", "--jobs", "1"]
NETWORK = ["--backbone", "mlp", "--hidden", "16"]


def make_images(folder: Path, number: int) -> None:
    """A folder of images by class, each different from all others."""
    generator = np.random.default_rng(0)
    for index in range(number):
        label = index % CLASSES
        place = folder / f"class{label}"
        place.mkdir(parents=True, exist_ok=True)
        pixels = generator.integers(0, 200, (SIDE, SIDE), dtype=np.uint8)
        pixels[label * 4 : label * 4 + 4] += 50
        Image.fromarray(pixels).save(place / f"{index:06d}.png")


def peak(words: Sequence[str]) -> tuple[float, float]:
    """Peak resident MiB of a softlabel command and of its processes, and the seconds it took."""
    started = time.perf_counter()
    command = [*SOFTLABEL, *words]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    complaint = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise subprocess.CalledProcessError(os.waitstatus_to_exitcode(status), command, stderr=complaint)
    return usage.ru_maxrss / 1024, time.perf_counter() - started


def peaks_of(folder: Path, number: int) -> dict[str, tuple[float, float]]:
    """Peaks of the three commands on this many images."""
    images, runs = folder / f"images{number}", folder / f"runs{number}"
    make_images(images, number)
    data = ["--source", f"folder:{images}", "--memory", "stream"]
    peaks = {"compare": peak(["compare", *data, *NETWORK, *TRAINING, "--runs", str(runs)])}
    (run,) = runs.iterdir()
    peaks["predict"] = peak(["predict", str(run), str(images), "--out", str(folder / f"answers{number}.csv")])
    peaks["evaluate"] = peak(["evaluate", str(run)])
    return peaks


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--rows", type=whole, default=2000, help="images of the smaller folder")


def measure(options: Namespace) -> Json:
    rows = [options.rows, FACTOR * options.rows]
    with tempfile.TemporaryDirectory() as name:
        found = [peaks_of(Path(name), number) for number in rows]
    return {
        "rows": rows,
        "peaks": {command: [one[command][0] for one in found] for command in found[0]},
        "seconds": {command: [one[command][1] for one in found] for command in found[0]},
    }


def tables(measured: Json) -> dict[str, str]:
    """The table of docs/statistics.md."""
    fewer, more = measured["rows"]
    heads = ("command", "rows", "MiB", "rows", "MiB", "ratio")
    rows = [
        (command, f"{fewer:,}", f"{few:.0f}", f"{more:,}", f"{many:.0f}", f"{many / few:.2f}")
        for command, (few, many) in measured["peaks"].items()
    ]
    return {"peaks": markdown.table(heads, rows)}


def told(measured: Json) -> str:
    return tables(measured)["peaks"]
