"""How well a review finds labels that are known to be wrong, and what correcting them is worth.

    python benchmarks/label_review.py --out benchmarks/results/label-review-cpu

For each split seed the digits are given wrong labels (a tenth, evenly), a run is trained, and its labels are reviewed.
The same margin from the run itself, which has seen its training rows, is the rival. Then every suggestion is accepted
unseen, the recipe is trained again on these labels, and the test accuracy of both runs is compared.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits

import softlabel
from softlabel.analysis.label_quality import label_quality
from softlabel.analysis.review import Review, review
from softlabel.report.safe_csv import write_csv
from softlabel.training.model_folder import load_model

NOISE, TOP, FOLDS = 0.1, (20, 100), 5
Row = dict[str, Any]


def measured(runs: Path, seed: int, epochs: int) -> Row:
    """One run, its review, and the run on corrected labels."""
    settings: Row = {"source": "digits", "noise": NOISE, "split_seed": seed, "epochs": epochs}
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
        "split_seed": seed,
        "rows": len(found),
        "wrong": int(wrong.sum()),
        "suspected": len(suspects),
        "precision": float(wrong[suspects].mean()),
        "recall": float(wrong[suspects].sum() / wrong.sum()),
        "right_suggestions": float((found.quality.suggested == true)[suspects].mean()),
        "seconds_of_training": run.cell["seconds"],
        "seconds_of_review": seconds,
        "accuracy_before": accuracy(run.cell),
        "accuracy_after": accuracy(corrected.cell),
        "nll_before": run.cell["selected"]["after"]["nll"],
        "nll_after": corrected.cell["selected"]["after"]["nll"],
        **{f"precision_at_{top}": float(wrong[np.argsort(found.quality.margin)[:top]].mean()) for top in TOP},
        **{f"in_sample_at_{top}": float(wrong[np.argsort(seen)[:top]].mean()) for top in TOP},
    }


def in_sample(found: Review) -> NDArray[np.float64]:
    """The margins by the run's own model, which was trained on most of the rows."""
    model = load_model(found.run)
    with torch.no_grad():
        shares = model(found.inputs(np.arange(len(found)))).numpy()
    return label_quality(shares, found.given).margin


def accepted(found: Review, path: Path) -> Path:
    """The table of the review with every suggestion accepted."""
    rows = []
    for position in range(len(found)):
        row = found.cells(position)
        rows.append(row | ({"label": row["suggested_label"]} if row["suspected"] == "yes" else {}))
    with open(path, "w", newline="", encoding="utf-8") as file:
        write_csv(file, found.columns(), rows)
    return path


def accuracy(cell: Row) -> float:
    """Of the shipped model on the test split, whose labels are right."""
    return float(cell["selected"]["after"]["accuracy"])


def told(results: Row) -> str:
    """The results for people."""
    rows = results["seeds"]

    def mean(name: str) -> float:
        return statistics.mean(row[name] for row in rows)

    lines = [
        f"digits with {NOISE:.0%} wrong training labels, {FOLDS} folds, {len(rows)} split seeds; {results['machine']}",
        "",
        f"{'rows reviewed, wrong, suspected':<44} {mean('rows'):.0f}, {mean('wrong'):.0f}, {mean('suspected'):.0f}",
        f"{'suspected labels that are wrong':<44} {mean('precision'):.3f}",
        f"{'wrong labels that are suspected':<44} {mean('recall'):.3f}",
        f"{'suspected labels with the right suggestion':<44} {mean('right_suggestions'):.3f}",
        *(f"{f'wrong among the first {top}':<44} {mean(f'precision_at_{top}'):.3f}" for top in TOP),
        *(f"{f'... by the model that has seen them, {top}':<44} {mean(f'in_sample_at_{top}'):.3f}" for top in TOP),
        f"{'test accuracy, then with all suggestions':<44} {mean('accuracy_before'):.3f}, {mean('accuracy_after'):.3f}",
        f"{'test NLL, then with all suggestions':<44} {mean('nll_before'):.3f}, {mean('nll_after'):.3f}",
        f"{'seconds of the run, of its review':<44} {mean('seconds_of_training'):.0f}, {mean('seconds_of_review'):.0f}",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="where to write OUT.json and OUT.txt")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=30)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = [measured(Path(folder), seed, arguments.epochs) for seed in range(arguments.seeds)]
    machine = f"{platform.machine()}, torch {torch.__version__}, {torch.get_num_threads()} threads"
    results = {"noise": NOISE, "folds": FOLDS, "epochs": arguments.epochs, "machine": machine, "seeds": rows}
    print(told(results), end="")
    if arguments.out:
        arguments.out.with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        arguments.out.with_suffix(".txt").write_text(told(results), encoding="utf-8")


if __name__ == "__main__":
    main()
