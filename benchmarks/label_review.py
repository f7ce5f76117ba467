"""How well a review finds labels that are known to be wrong, and what correcting them is worth.

    python -m benchmarks label_review --out benchmarks/results/label-review-cpu

For each split seed the digits are given wrong labels (a tenth, evenly), a run is trained, and its labels are reviewed.
The same confidence from the run itself, which has seen its training rows, is the rival. Then every suggestion that the
review counts is accepted unseen, the recipe is trained again on these labels, and the test accuracy of both runs is
compared. All of it by a recipe as it comes (ResNet-8, selected on validation rows), and by one that learns its labels
by heart (an MLP, long, without augmentation or selection).
"""

from __future__ import annotations

import statistics
import tempfile
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits

import softlabel
from benchmarks.options import whole
from softlabel.analysis.label_quality import label_quality
from softlabel.analysis.review import Review, review
from softlabel.deployed.model_folder import load_model
from softlabel.text.spreadsheet import write_csv

RIVAL = "the run's own confidence in its labels, which it has seen"
PACKAGES = ("scikit-learn",)
QUICK = ("--seeds", "1", "--epochs", "1")
NOISE, TOP, FOLDS = 0.1, (20, 100), 5
Row = dict[str, Any]
BY_HEART: Row = {"backbone": "mlp", "augment": "none", "epochs": 100, "protocol": "published"}
RECIPES: dict[str, Row] = {"ResNet-8, 30 epochs": {}, "MLP, 100 epochs, nothing selected": BY_HEART}


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--seeds", type=whole, default=3, help="split seeds (default: 3)")
    parser.add_argument("--epochs", type=whole, help="epochs in place of the recipes' own")


def measure(options: Namespace) -> Row:
    """Every recipe with every split seed."""
    own = {} if options.epochs is None else {"epochs": options.epochs}
    with tempfile.TemporaryDirectory() as folder:
        rows = [trial(Path(folder), recipe, seed, own) for recipe in RECIPES for seed in range(options.seeds)]
    return {"noise": NOISE, "folds": FOLDS, "runs": rows}


def trial(runs: Path, recipe: str, seed: int, own: Row) -> Row:
    """One run, its review, and the run on corrected labels."""
    settings: Row = {"source": "digits", "noise": NOISE, "split_seed": seed, **RECIPES[recipe], **own}
    run = softlabel.train(**settings, runs=str(runs))
    started = time.perf_counter()
    found = review(run.folder, FOLDS)
    seconds = time.perf_counter() - started
    true = load_digits().target[found.sample_id]
    wrong: NDArray[np.bool_] = true != found.given
    suspects = found.ranked("mislabelled")
    corrected = softlabel.train(**settings, runs=str(runs), corrections=str(accepted(found, runs / f"{seed}.csv")))
    seen = in_sample(found)
    return {
        "recipe": recipe,
        "split_seed": seed,
        "rows": len(found),
        "wrong": int(wrong.sum()),
        "suspected": len(suspects),
        "too_weak": found.too_weak,
        "precision": float(wrong[suspects].mean()),
        "recall": float(wrong[suspects].sum() / wrong.sum()),
        "right_suggestions": float((found.quality.suggested == true)[suspects].mean()),
        "seconds_of_training": run.cell["seconds"],
        "seconds_of_review": seconds,
        "accuracy_before": shipped(run.cell, "accuracy"),
        "accuracy_after": shipped(corrected.cell, "accuracy"),
        "nll_before": shipped(run.cell, "nll"),
        "nll_after": shipped(corrected.cell, "nll"),
        **{f"precision_at_{top}": float(wrong[np.argsort(found.quality.confidence)[:top]].mean()) for top in TOP},
        **{f"in_sample_at_{top}": float(wrong[np.argsort(seen)[:top]].mean()) for top in TOP},
    }


def in_sample(found: Review) -> NDArray[np.float64]:
    """The confidences by the run's own model, which was trained on most of the rows."""
    model = load_model(found.run)
    with torch.no_grad():
        shares = model(found.inputs(np.arange(len(found)))).numpy()
    return label_quality(shares, found.given).confidence


def accepted(found: Review, path: Path) -> Path:
    """The table of the review with every suggestion accepted."""
    rows = []
    for position in range(len(found)):
        row = found.cells(position)
        rows.append(row | ({"label": row["suggested_label"]} if row["suspected"] == "yes" else {}))
    with open(path, "w", newline="", encoding="utf-8") as file:
        write_csv(file, found.columns(), rows)
    return path


def shipped(cell: Row, score: str) -> float:
    """A score of the shipped model on the test split, whose labels are right."""
    return float((cell["selected"]["after"] or cell["selected"]["before"])[score])


def told(measured: Row) -> str:
    """The results for people."""
    lines = [f"digits with {measured['noise']:.0%} wrong training labels, {measured['folds']} folds"]
    for recipe in RECIPES:
        rows = [row for row in measured["runs"] if row["recipe"] == recipe]
        lines += ["", f"{recipe}: means over {len(rows)} split seeds", *_lines(rows)]
    return "\n".join(lines) + "\n"


def _lines(rows: list[Row]) -> list[str]:
    def mean(*names: str, decimals: int = 3) -> str:
        return ", ".join(f"{statistics.mean(row[name] for row in rows):.{decimals}f}" for name in names)

    found = {
        "rows reviewed, wrong, suspected": mean("rows", "wrong", "suspected", decimals=0),
        "reviews that count their suspected labels": f"{sum(row['too_weak'] is None for row in rows)} of {len(rows)}",
        "suspected labels that are wrong": mean("precision"),
        "wrong labels that are suspected": mean("recall"),
        "suspected labels with the right suggestion": mean("right_suggestions"),
        "wrong among the first 20, 100": mean("precision_at_20", "precision_at_100"),
        "... by the model that has seen them": mean("in_sample_at_20", "in_sample_at_100"),
        "test accuracy, then with the suggestions": mean("accuracy_before", "accuracy_after"),
        "test NLL, then with the suggestions": mean("nll_before", "nll_after"),
        "seconds of the run, of its review": mean("seconds_of_training", "seconds_of_review", decimals=0),
    }
    return [f"  {name:<44} {value}" for name, value in found.items()]
