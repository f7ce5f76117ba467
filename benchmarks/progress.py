"""How true the plan's time and the time left are, on ten different comparisons, each run as a user would.

    python -m benchmarks progress --out benchmarks/results/progress-cpu

plan   the estimate of the plan line, against what the comparison then took
left   the bar's time left at 20, 40, 60 and 80 % of the run, against what was then left: its error as a share of that
"""

from __future__ import annotations

import contextlib
import csv
import os
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks.benchmark import Json
from benchmarks.child import called

RIVAL = "the time that the comparison then took"
PACKAGES = ()
QUICK = ("--only", "one method, one seed")
RUNS: dict[str, list[str]] = {
    "the first command": [],
    "one method, one seed": ["--methods", "cross_entropy", "--seeds", "1"],
    "few epochs": ["--epochs", "3"],
    "small network, five seeds": ["--backbone", "mlp", "--seeds", "5", "--epochs", "40"],
    "deeper network": ["--backbone", "resnet20", "--seeds", "1", "--epochs", "10"],
    "one at a time": ["--jobs", "1", "--seeds", "1"],
    "more jobs than cores": ["--jobs", "4", "--seeds", "2", "--epochs", "15"],
    "published, large batches": ["--protocol", "published", "--batch-size", "512", "--imbalance", "1"],
    "features": ["--source", "csv:features.csv", "--feature-columns", "f*", "--label-column", "kind", "--epochs", "40"],
    "streamed images": ["--source", "folder:images", "--memory", "stream", "--epochs", "8", "--seeds", "1"],
}
SHARES = (0.2, 0.4, 0.6, 0.8)


def make_data(folder: Path) -> None:
    """The digits as a table of features and as a folder of images."""
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    with open(folder / "features.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["kind", *(f"f{place}" for place in range(64))])
        writer.writerows([kind, *row] for kind, row in zip(digits.target, digits.data, strict=True))
    for place, (kind, image) in enumerate(zip(digits.target, digits.images, strict=True)):
        (folder / "images" / str(kind)).mkdir(parents=True, exist_ok=True)
        Image.fromarray((image * 15.9).astype("uint8")).save(folder / "images" / str(kind) / f"{place}.png")


def record(words: Sequence[str]) -> Json:
    """Run one comparison in this process: what was told and when."""
    from softlabel.cli.main import main
    from softlabel.cli.screens import compare_screen
    from softlabel.cli.screens.plan import time_left as measured
    from softlabel.cli.screens.time_left import TimeLeft

    told: list[tuple[float, float | None]] = []
    begun: list[float] = []

    class Recorded(TimeLeft):
        def update(self, standings: Any) -> None:
            super().update(standings)
            told.append((time.monotonic() - begun[0], self.seconds()))

    def time_left(*arguments: Any) -> TimeLeft:
        left = measured(*arguments)
        assert left is not None, "there is nothing left to train"
        left.__class__ = Recorded
        begun.append(time.monotonic())
        told.append((0.0, left.seconds()))
        return left

    patched = mock.patch.object(compare_screen, "time_left", time_left)
    with patched, open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing):
        code = main(list(words))
    return {"code": code, "seconds": time.monotonic() - begun[0], "told": told}


def errors(found: Json) -> Json:
    """Of the plan, as a factor; of the time left, as a share of what was left."""
    seconds, told = found["seconds"], found["told"]
    left = {}
    for share in SHARES:
        now, estimate = max(entry for entry in told if entry[0] <= share * seconds)
        left[f"{share:.0%}"] = (estimate - (seconds - now)) / (seconds - now)
    return {"seconds": seconds, "planned": told[0][1], "plan": told[0][1] / seconds, "left": left, "told": told[::4]}


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--only", nargs="+", choices=RUNS, metavar="RUN", default=list(RUNS), help="names of runs")


def measure(options: Namespace) -> Json:
    table = {}
    with tempfile.TemporaryDirectory() as place:
        make_data(Path(place))
        for name in options.only:
            found = called("benchmarks.progress", "record", ["compare", *RUNS[name]], folder=Path(place))
            assert found["code"] == 0, f"the comparison {name!r} ended with {found['code']}"
            table[name] = errors(found)
            print(line(name, table[name]), file=sys.stderr)
    return {"load": list(os.getloadavg()), "runs": table}


def line(name: str, entry: Json) -> str:
    left = "".join(f"{error:>+8.0%}" for error in entry["left"].values())
    return f"{name:<28}{entry['seconds']:>6.1f}s{entry['planned']:>8.1f}s{entry['plan']:>8.2f}{left}"


def told(measured: Json) -> str:
    table = measured["runs"]
    within = sum(0.5 <= entry["plan"] <= 2 for entry in table.values())
    close = sum(abs(entry["left"]["20%"]) <= 0.3 for entry in table.values())
    return "\n".join(
        [
            f"load of the machine at the end {measured['load'][1]:.1f}",
            f"{'run':<28}{'took':>7}{'planned':>9}{'factor':>8}" + "".join(f"{share:>8.0%}" for share in SHARES),
            *(line(name, entry) for name, entry in table.items()),
            f"plan within a factor of 2: {within} of {len(table)}",
            f"time left at 20 % of the run within 30 %: {close} of {len(table)}",
        ]
    )
