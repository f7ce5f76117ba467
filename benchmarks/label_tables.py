"""The tables of label distributions: networks of this library against the best of a toolkit made for them.

    python -m benchmarks label_tables DATA/ldl --out benchmarks/results/label-tables-cpu

The rival is python-ldl (`pip install python-ldl==0.1.2 keras`), with its learners that end within a minute on one core.
A table is split by each seed: a fifth for the test, a tenth of the others for choosing. Both sides choose by the KL
divergence on these validation rows and are tested once. The toolkit chooses among its learners, each on features as
they are, scaled to 0..1 and standardised (21 settings, or those that ended in time); this library among six: softmax
regression and two MLPs, each with two weight decays, with the epoch and the temperature of the same rows. All scores
are the toolkit's.
"""

from __future__ import annotations

import os
import signal
import statistics
import sys
import tempfile
import time
import warnings
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("KERAS_BACKEND", "torch")

import numpy as np
import torch
from numpy.typing import NDArray

import softlabel
from benchmarks import markdown
from benchmarks.benchmark import Json
from benchmarks.options import whole
from benchmarks.results_page import shown
from softlabel.data.config import DataConfig
from softlabel.deployed.model_folder import load_model
from softlabel.tasks.config import AxisConfig
from softlabel.tasks.prepared import prepare

RIVAL = "the best of 21 settings of the toolkit python-ldl, chosen on the same validation rows"
PACKAGES = ("python-ldl", "keras")
QUICK = None
Table = NDArray[np.float32]
Row = dict[str, Any]
TABLES = ("SJAFFE", "SBU_3DFE", "SCUT_FBP", "FG-Net", "Movie")
CUT = {"FG-Net"}
"""Tables whose rows do not sum to 1, and are divided by their sum."""
SCORES = ("chebyshev", "clark", "canberra", "kl_divergence", "cosine", "intersection")
TITLES = {
    "SJAFFE": "SJAFFE (213 rows, 6 emotions)",
    "SBU_3DFE": "SBU-3DFE (2,500, 6 emotions)",
    "SCUT_FBP": "SCUT-FBP (1,500, 5 grades)",
    "FG-Net": "FG-Net (1,002, 70 ages)",
    "Movie": "Movie",
}
PAGE_SCORES = {
    "KL": ("kl_divergence", ".4f"),
    "Chebyshev": ("chebyshev", ".4f"),
    "Clark": ("clark", ".3f"),
    "Canberra": ("canberra", ".3f"),
    "cosine ↑": ("cosine", ".4f"),
    "intersection ↑": ("intersection", ".4f"),
}
LEARNERS: dict[str, Row] = {
    "AA_KNN": {"k": 5},
    "AA_KNN, k 10": {"k": 10},
    "AA_KNN, k 20": {"k": 20},
    "SA_BFGS": {},
    "LDLLC": {},
    "LDL_LRR": {},
    "LDL_DPA": {},
}
SHAPES: list[Row] = [
    {"backbone": "linear"},
    *({"backbone": "mlp", "hidden": hidden} for hidden in ([256, 128], [512, 512])),
]
NETWORKS = [{**shape, "weight_decay": decay} for shape in SHAPES for decay in (5e-3, 5e-2)]
TRAINING: Row = {"epochs": 60, "batch_size": 64, "optimiser": "adamw", "learning_rate": 0.003, "ema": 0.95}
MOST_SECONDS = 60


class Part(NamedTuple):
    """Features (N, D) and distributions (N, K) of one part."""

    features: Table
    labels: Table


class TooLongError(Exception):
    """A learner did not end in time."""


def parts_of(settings: Row) -> dict[str, Part]:
    splits = prepare(DataConfig(**settings), "auto", AxisConfig()).splits
    assert splits.validation is not None
    found = {"training": splits.training, "validation": splits.validation, "test": splits.test}
    read = {name: (part.read(torch.arange(len(part))).numpy(), part.annotation.numpy()) for name, part in found.items()}
    return {name: Part(features, labels / labels.sum(1, keepdims=True)) for name, (features, labels) in read.items()}


def scalings(training: Table) -> dict[str, Callable[[Table], Table]]:
    low, high, mean, spread = training.min(0), training.max(0), training.mean(0), training.std(0)
    return {
        "as they are": lambda features: features,
        "0 to 1": lambda features: (features - low) / np.maximum(high - low, 1e-9),
        "standardised": lambda features: (features - mean) / np.maximum(spread, 1e-9),
    }


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    def stop(*_: Any) -> None:
        raise TooLongError

    previous = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)


def of_toolkit(parts: dict[str, Part], seed: int, too_long: set[str]) -> Iterator[Row]:
    """Each learner with each scaling; what took too long once is not tried again."""
    from pyldl import algorithms

    for name, options in LEARNERS.items():
        for scaling, scaled in scalings(parts["training"].features).items():
            if name in too_long:
                continue
            np.random.seed(seed)
            learner, started = getattr(algorithms, name.split(",")[0])(**options), time.perf_counter()
            try:
                with limited(MOST_SECONDS):
                    learner.fit(scaled(parts["training"].features), parts["training"].labels)
                    answers = {part: learner.predict(scaled(parts[part].features)) for part in ("validation", "test")}
            except TooLongError:
                too_long.add(name)
                continue
            yield scored(f"{name}, {scaling}", parts, answers, time.perf_counter() - started)


def of_library(parts: dict[str, Part], data: Row, seed: int, runs: str) -> Iterator[Row]:
    for network in NETWORKS:
        started = time.perf_counter()
        run = softlabel.train(**data, **TRAINING, **network, seed=seed, method="cross_entropy", device="cpu", runs=runs)
        model = load_model(run.folder)
        with torch.no_grad():
            answers = {part: model(torch.from_numpy(parts[part].features)).numpy() for part in ("validation", "test")}
        yield scored(str(network), parts, answers, time.perf_counter() - started)


def scored(setting: str, parts: dict[str, Part], answers: dict[str, Table], seconds: float) -> Row:
    from pyldl import metrics

    def score(part: str) -> dict[str, float]:
        return {name: float(getattr(metrics, name)(parts[part].labels, answers[part])) for name in SCORES}

    return {"setting": setting, "seconds": round(seconds, 1), "validation": score("validation"), "test": score("test")}


def best(rows: list[Row]) -> Row:
    return min(rows, key=lambda row: float(row["validation"]["kl_divergence"]))


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("data", type=Path, help="folder of the .mat files")
    parser.add_argument("--tables", nargs="*", default=TABLES)
    parser.add_argument("--splits", type=whole, default=5)


def measure(options: Namespace) -> Json:
    warnings.filterwarnings("ignore", module="pyldl|keras")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as runs:
        for table in options.tables:
            too_long: set[str] = set()
            for seed in range(options.splits):
                rows += of_split(options.data, table, seed, too_long, runs)
    return {"splits": options.splits, "rows": rows}


def of_split(folder: Path, table: str, seed: int, too_long: set[str], runs: str) -> list[Row]:
    """Both sides on one split of a table."""
    data = {"source": f"mat:{folder / table}.mat", "split_seed": seed, **({"normalise": True} if table in CUT else {})}
    parts = parts_of(data)
    sides = {
        "python-ldl": list(of_toolkit(parts, seed, too_long)),
        "softlabel": list(of_library(parts, data, seed, runs)),
    }
    print(table, seed, f"too long: {', '.join(sorted(too_long)) or 'none'}", file=sys.stderr)
    return [
        {"table": table, "split_seed": seed, "side": side, "chosen": best(settings), "settings": settings}
        for side, settings in sides.items()
    ]


def tables(measured: Json) -> dict[str, str]:
    """The table of docs/results/label-distributions.md."""
    rows = []
    for table in dict.fromkeys(row["table"] for row in measured["rows"]):
        for side in ("python-ldl", "softlabel"):
            scores = [row["chosen"]["test"] for row in measured["rows"] if (row["table"], row["side"]) == (table, side)]
            entries = [shown([one[name] for one in scores], 1, form) for name, form in PAGE_SCORES.values()]
            rows.append((TITLES[table] if side == "python-ldl" else "", side, *entries))
    return {"scores": markdown.table(("table", "by", *PAGE_SCORES), rows)}


def told(measured: Json) -> str:
    rows = measured["rows"]
    lines = [f"{measured['splits']} splits"]
    lines.append(f"{'table':9} {'side':12}" + "".join(f" {name[:13]:>16}" for name in SCORES) + "   chosen")
    for table in dict.fromkeys(row["table"] for row in rows):
        for side in ("python-ldl", "softlabel"):
            chosen = [row["chosen"] for row in rows if (row["table"], row["side"]) == (table, side)]
            means = [[one["test"][name] for one in chosen] for name in SCORES]
            spread = [statistics.stdev(values) if len(values) > 1 else 0.0 for values in means]
            shown = "".join(f" {statistics.mean(v):>8.4f} ±{s:.4f}" for v, s in zip(means, spread, strict=True))
            names = statistics.multimode(one["setting"] for one in chosen)
            lines.append(f"{table:9} {side:12}{shown}   {names[0]}")
        wins = [
            [row["chosen"]["test"]["kl_divergence"] for row in rows if (row["table"], row["side"]) == (table, side)]
            for side in ("softlabel", "python-ldl")
        ]
        fewer = sum(ours < theirs for ours, theirs in zip(*wins, strict=True))
        lines.append(f"{'':9} lower KL: softlabel in {fewer} of {len(wins[0])} splits")
    return "\n".join(lines)
