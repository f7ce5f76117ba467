"""Do a method's own scores of training rows find wrong labels, beside confident learning on out-of-sample predictions?

    python -m benchmarks confident_learning --out benchmarks/results/confident-learning-digits
    python -m benchmarks confident_learning --run runs/faces-0.2-0001 --methods cross_entropy dmue --out OUT

The digits get wrong labels (10, 20 and 30 %, evenly), DMUE is trained, and its labels are reviewed (five folds); or the
runs of a comparison are reviewed, of the methods that `--methods` names. On the same out-of-sample probabilities the
rival is cleanlab (`pip install cleanlab`): its three scores of a label, and its two ways to say which labels are wrong.
Beside them 1 - alpha and the largest latent share of the run itself, which has seen the rows. Only rows that the run
was trained on count: the others keep their labels. The area within labels is that of the pairs of rows with the same
label. Where people gave the wrong labels, `--clean SOURCE` names the same rows with right ones.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

import softlabel
from benchmarks.benchmark import Json
from benchmarks.doubted_rows import area_within, doubts
from benchmarks.options import whole
from softlabel.analysis.review import review
from softlabel.evaluation.row_scores import read_row_scores
from softlabel.runs.run_folder import read_settings
from softlabel.tasks.prepared import prepare
from softlabel.training.config import RunConfig

RIVAL = "cleanlab on the same out-of-sample probabilities: three scores of a label, two ways to call it wrong"
PACKAGES = ("cleanlab", "scikit-learn")
QUICK = ("--seeds", "1", "--noise", "0.2", "--epochs", "1")

NOISE, FOLDS = (0.1, 0.2, 0.3), 5
SETTINGS: dict[str, Any] = {"source": "digits", "method": "dmue", "batch_size": 32, "device": "cpu"}
SCORES = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")
FILTERS = ("prune_by_noise_rate", "confident_learning")
Row = dict[str, Any]
Flags = NDArray[np.bool_]


def of_digits(noise: float, seed: int, epochs: int) -> Row:
    with tempfile.TemporaryDirectory() as runs:
        run = softlabel.train(**SETTINGS, epochs=epochs, noise=noise, split_seed=seed, seed=seed, runs=runs)
        data = f"digits, DMUE for {epochs} epochs, {noise:.0%} noise"
        return {"data": data, "seed": seed, **judged(run.folder, None)}


def of_comparison(run: Path, method: str, seed: int, clean: str | None) -> Row:
    return {"data": f"{run.name}, {method}", "seed": seed, **judged(run / "cells" / f"{method}-seed{seed}", clean)}


def judged(run: Path, clean: str | None) -> Row:
    """The review of a run, and what each way makes of its labels."""
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    found = review(run, FOLDS)
    trained = np.isin(found.sample_id, trained_rows(run))
    ids = found.sample_id[trained]
    given, shares = found.given[trained], found.fitted.probabilities[trained].astype(np.float64)
    shares /= shares.sum(1, keepdims=True)
    wrong = right_labels(run, clean)[ids] != given
    found_doubts = {
        "softlabel review, confidence": -found.quality.confidence[trained],
        **{f"cleanlab, {name}": -get_label_quality_scores(given, shares, method=name) for name in SCORES},
        **own_doubts(run, ids),
    }
    sets = {
        "softlabel review, suspected": found.quality.suspected[trained],
        **{f"cleanlab, {name}": find_label_issues(given, shares, filter_by=name, n_jobs=1) for name in FILTERS},
    }
    return {
        "rows": len(wrong),
        "wrong": int(wrong.sum()),
        "scores": {name: ranked(doubt, wrong, given) for name, doubt in found_doubts.items()},
        "sets": {name: hit(flags, wrong) for name, flags in sets.items()},
    }


def trained_rows(run: Path) -> NDArray[np.int64]:
    """The rows that a run was trained on."""
    config = read_settings(run, RunConfig)
    ids: NDArray[np.int64] = prepare(config.data, config.task).splits.training.sample_id.numpy()
    return ids


def right_labels(run: Path, clean: str | None) -> NDArray[np.int64]:
    """The class of every row of a run's source before any noise."""
    config = read_settings(run, RunConfig)
    right = config.data.model_copy(update={"noise": 0.0, "source": clean or config.data.source})
    labels: NDArray[np.int64] = prepare(right, config.task).source.samples.annotation.numpy()
    return labels


def own_doubts(run: Path, ids: NDArray[np.int64]) -> dict[str, NDArray[np.floating]]:
    """Scores that the run itself has kept of these of its training rows, if any."""
    if not (run / "training-rows.safetensors").exists():
        return {}
    stored, scores = read_row_scores(run)
    place = {row: position for position, row in enumerate(stored.tolist())}
    order = [place[row] for row in ids.tolist()]
    return {f"own {name}": doubt[order].numpy() for name, doubt in doubts(scores).items()}


def ranked(doubt: NDArray[np.floating], wrong: Flags, given: NDArray[np.int64]) -> dict[str, float]:
    """Areas under the ROC curve, and precision of the first 50 and of as many as are wrong."""
    first = wrong[np.argsort(-doubt, kind="stable")]
    return {
        "auc": float(roc_auc_score(wrong, doubt)),
        "within labels": area_within(*map(torch.from_numpy, (doubt, wrong, given))),
        "first 50": float(first[:50].mean()),
        "as many as wrong": float(first[: wrong.sum()].mean()),
    }


def hit(flags: Flags, wrong: Flags) -> dict[str, float]:
    return {
        "flagged": float(flags.sum()),
        "precision": float(wrong[flags].mean()) if flags.any() else 0.0,
        "recall": float(flags[wrong].mean()),
    }


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--noise", type=float, nargs="*", default=NOISE, help="shares of wrong labels among the digits")
    parser.add_argument("--epochs", type=whole, default=30, help="epochs on the digits")
    parser.add_argument("--run", type=Path, help="a comparison whose runs are reviewed instead")
    parser.add_argument("--methods", nargs="*", default=["dmue"], help="methods of the comparison")
    parser.add_argument("--clean", help="source of the comparison's rows with right labels")
    parser.add_argument("--seeds", type=whole, default=3)


def measure(options: Namespace) -> Json:
    rows: list[Row] = []
    for case in options.methods if options.run else options.noise:
        for seed in range(options.seeds):
            if options.run:
                rows.append(of_comparison(options.run, case, seed, options.clean))
            else:
                rows.append(of_digits(case, seed, options.epochs))
            print(told({"folds": FOLDS, "rows": rows[-1:]}), file=sys.stderr)
    return {"folds": FOLDS, "rows": rows}


def told(measured: Json) -> str:
    rows = measured["rows"]
    lines = [f"{measured['folds']} folds"]
    for data in dict.fromkeys(row["data"] for row in rows):
        these = [row for row in rows if row["data"] == data]
        wrong, total = (statistics.mean(row[name] for row in these) for name in ("wrong", "rows"))
        lines += ["", f"{data}: {wrong:.0f} of {total:.0f} labels are wrong; means of {len(these)} seeds"]
        for part in ("scores", "sets"):
            for name, first in these[0][part].items():
                means = {key: statistics.mean(row[part][name][key] for row in these) for key in first}
                shown = "   ".join(
                    f"{key} {mean:.0f}" if mean > 1 else f"{key} {mean:.3f}" for key, mean in means.items()
                )
                lines.append(f"  {name:38} {shown}")
    return "\n".join(lines)
