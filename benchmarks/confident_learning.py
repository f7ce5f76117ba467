"""Do a method's own scores of training rows find wrong labels, beside confident learning on out-of-sample predictions?

    python benchmarks/confident_learning.py --out benchmarks/results/confident-learning-cpu

The digits get wrong labels (10, 20 and 30 %, evenly), DMUE is trained, and its labels are reviewed (five folds). On
the same out-of-sample probabilities the rival is cleanlab (`pip install cleanlab`): its three scores of a label, and
its two ways to say which labels are wrong. Beside them 1 - alpha and the largest latent share of the run itself, which
has seen the rows. Only rows that the run was trained on count: the others keep their labels.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

import softlabel
from softlabel.analysis.review import review
from softlabel.training.row_scores import read_row_scores

NOISE, FOLDS = (0.1, 0.2, 0.3), 5
SETTINGS: dict[str, Any] = {"source": "digits", "method": "dmue", "epochs": 30, "batch_size": 32, "device": "cpu"}
SCORES = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")
FILTERS = ("prune_by_noise_rate", "confident_learning")
Row = dict[str, Any]
Flags = NDArray[np.bool_]


def measured(runs: str, noise: float, seed: int) -> Row:
    """One run, its review, and what each way makes of its labels."""
    run = softlabel.train(**SETTINGS, noise=noise, split_seed=seed, seed=seed, runs=runs)
    found = review(run.folder, FOLDS)
    ids, own = read_row_scores(run.folder)
    place = {row: position for position, row in enumerate(ids.tolist())}
    trained = np.array([row in place for row in found.sample_id.tolist()])
    order = [place[row] for row in found.sample_id[trained].tolist()]
    given, shares = found.given[trained], found.fitted.probabilities[trained].astype(np.float64)
    shares /= shares.sum(1, keepdims=True)
    wrong = load_digits().target[found.sample_id[trained]] != given
    doubts = {
        "softlabel review, margin": -found.quality.margin[trained],
        **{f"cleanlab, {name}": -get_label_quality_scores(given, shares, method=name) for name in SCORES},
        "DMUE, 1 - alpha": 1 - own["alpha"][order].numpy(),
        "DMUE, largest latent share": own["latent"][order].max(1).values.numpy(),
    }
    sets = {
        "softlabel review, suspected": found.quality.suspected[trained],
        **{f"cleanlab, {name}": find_label_issues(given, shares, filter_by=name, n_jobs=1) for name in FILTERS},
    }
    return {
        "noise": noise,
        "seed": seed,
        "rows": len(wrong),
        "wrong": int(wrong.sum()),
        "scores": {name: ranked(doubt, wrong) for name, doubt in doubts.items()},
        "sets": {name: hit(flags, wrong) for name, flags in sets.items()},
    }


def ranked(doubt: NDArray[np.floating], wrong: Flags) -> dict[str, float]:
    """Area under the ROC curve, and precision of the first 50 and of as many as are wrong."""
    first = wrong[np.argsort(-doubt, kind="stable")]
    return {
        "auc": float(roc_auc_score(wrong, doubt)),
        "first 50": float(first[:50].mean()),
        "as many as wrong": float(first[: wrong.sum()].mean()),
    }


def hit(flags: Flags, wrong: Flags) -> dict[str, float]:
    return {
        "flagged": float(flags.sum()),
        "precision": float(wrong[flags].mean()) if flags.any() else 0.0,
        "recall": float(flags[wrong].mean()),
    }


def told(rows: list[Row]) -> str:
    lines = [
        f"digits, DMUE ({SETTINGS['epochs']} epochs), {FOLDS} folds, cleanlab {version('cleanlab')}, "
        f"torch {torch.__version__}, {platform.machine()}"
    ]
    for noise in dict.fromkeys(row["noise"] for row in rows):
        these = [row for row in rows if row["noise"] == noise]
        wrong, total = (statistics.mean(row[name] for row in these) for name in ("wrong", "rows"))
        lines += ["", f"{noise:.0%} noise: {wrong:.0f} of {total:.0f} labels are wrong; means of {len(these)} seeds"]
        for part in ("scores", "sets"):
            for name, first in these[0][part].items():
                means = {key: statistics.mean(row[part][name][key] for row in these) for key in first}
                shown = "   ".join(
                    f"{key} {mean:.0f}" if mean > 1 else f"{key} {mean:.3f}" for key, mean in means.items()
                )
                lines.append(f"  {name:38} {shown}")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="where to write OUT.json and OUT.txt")
    parser.add_argument("--noise", type=float, nargs="*", default=NOISE, help="shares of wrong labels")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    rows = []
    for noise in arguments.noise:
        for seed in range(arguments.seeds):
            with tempfile.TemporaryDirectory() as runs:
                rows.append(measured(runs, noise, seed))
            print(told(rows[-1:]), flush=True)
    print(told(rows), end="")
    if arguments.out:
        arguments.out.with_suffix(".json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
        arguments.out.with_suffix(".txt").write_text(told(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
