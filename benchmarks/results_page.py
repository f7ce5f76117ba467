"""From finished comparisons to the tables of a results page, and the raw numbers beside them.

    python -m benchmarks.results_page runs/cifar100-0001 runs/digits-0003 --out docs/results/long-tail

Writes OUT.json (every run: scores of the last and of the selected epoch, before and after temperature, settings) and
prints Markdown tables: mean ± standard deviation over seeds, of the last epoch and of the selected one.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Json = dict[str, Any]
KEPT = ("method", "seed", "status", "reason", "seconds", "images_per_second", "temperature", "selected_stage")
Column = tuple[str, str, float, str]
ORDINAL: dict[str, Column] = {
    "MAE": ("mae", "after", 1, ".2f"),
    "MAE, arg-max": ("mae_argmax", "after", 1, ".2f"),
    "CS(5)": ("cs_5", "after", 100, ".1f"),
    "CRPS": ("crps", "after", 1, ".2f"),
    "NLL after T": ("nll", "after", 1, ".3f"),
    "error of 80 % coverage": ("coverage_error_80", "after", 1, ".3f"),
    "its width": ("interval_width_80", "after", 1, ".1f"),
}
DISTRIBUTION: dict[str, Column] = {
    name: (name.lower(), "after", 1, ".4f")
    for name in ("KL", "Chebyshev", "Clark", "Canberra", "Cosine", "Intersection")
}
POSE: dict[str, Column] = {
    "MAE of both": ("mae_both", "after", 1, ".2f"),
    "of pitch": ("mae_pitch", "after", 1, ".2f"),
    "of yaw": ("mae_yaw", "after", 1, ".2f"),
    "of both, arg-max": ("mae_both_argmax", "after", 1, ".2f"),
    "of both, marginal": ("mae_both_marginal", "after", 1, ".2f"),
    "accuracy of both": ("accuracy_both", "after", 100, ".1f"),
    "NLL after T": ("nll", "after", 1, ".3f"),
}
MULTI_LABEL: dict[str, Column] = {
    "mAP": ("map", "after", 100, ".1f"),
    "ranking loss": ("ranking_loss", "after", 1, ".3f"),
    "label ranking AP": ("label_ranking_precision", "after", 100, ".1f"),
    "one-error": ("one_error", "after", 1, ".3f"),
    "Hamming loss": ("hamming_loss", "after", 1, ".3f"),
    "F1, macro": ("f1_macro", "after", 1, ".3f"),
}
SEGMENTATION: dict[str, Column] = {
    "mIoU": ("miou", "after", 100, ".1f"),
    "pixel accuracy": ("pixel_accuracy", "after", 100, ".1f"),
    "mIoU at borders": ("miou_within_3", "after", 100, ".1f"),
    "accuracy at borders": ("pixel_accuracy_within_3", "after", 100, ".1f"),
    "NLL after T": ("nll", "after", 1, ".3f"),
    "ECE before T": ("ece", "before", 1, ".3f"),
    "ECE after T": ("ece", "after", 1, ".3f"),
}
CLASSES: dict[str, Column] = {
    "accuracy": ("accuracy", "after", 100, ".1f"),
    "many": ("accuracy_many", "after", 100, ".1f"),
    "medium": ("accuracy_medium", "after", 100, ".1f"),
    "few": ("accuracy_few", "after", 100, ".1f"),
    "ECE before T": ("ece", "before", 1, ".3f"),
    "ECE after T": ("ece", "after", 1, ".3f"),
    "NLL before T": ("nll", "before", 1, ".3f"),
    "NLL after T": ("nll", "after", 1, ".3f"),
}


def condensed(results: Mapping[str, Any]) -> Json:
    """What a page and its readers need of results.json."""
    cells = [
        {key: cell.get(key) for key in (*KEPT, "selected_epoch", "last", "selected", "intra_class_variance")}
        for cell in results["cells"]
    ]
    kept = ("softlabel", "command", "created", "task", "data", "settings", "verdict", "seconds")
    return {**{key: results[key] for key in kept}, "summary": results["summary"], "cells": cells}


COLUMNS = {
    "ordinal": ORDINAL,
    "distribution": DISTRIBUTION,
    "pose": POSE,
    "multi-label": MULTI_LABEL,
    "segmentation": SEGMENTATION,
}
"""Columns of a task; those of classes are every other one's."""


def table(results: Json, epoch: str) -> list[str]:
    """One row per method; `epoch` is last or selected."""
    methods = list(dict.fromkeys(cell["method"] for cell in results["cells"]))
    columns = COLUMNS.get(results.get("task", ""), CLASSES)
    lines = [f"| method | {' | '.join(columns)} | variance | images/s |", "|---" * (len(columns) + 3) + "|"]
    for method in methods:
        cells = [c for c in results["cells"] if c["method"] == method and c["status"] == "finished"]
        entries = [shown(scores_of(cells, epoch, *column[:2]), column[2], column[3]) for column in columns.values()]
        variance = shown([c["intra_class_variance"] for c in cells], 1, ".3f")
        speed = shown([c["images_per_second"] for c in cells], 1, ".0f", spread=False)
        lines.append(f"| `{method}` | {' | '.join(entries)} | {variance} | {speed} |")
    return lines


def scores_of(cells: Sequence[Json], epoch: str, score: str, temperature: str) -> list[float]:
    """One score of every run, at the last or the selected epoch; without a temperature, the score before it."""
    found = [(cell[epoch][temperature] or cell[epoch]["before"]).get(score) for cell in cells]
    return [value for value in found if value is not None]


def shown(values: Sequence[float | None], factor: float, form: str, spread: bool = True) -> str:
    """Mean ± standard deviation, in so many digits."""
    known = [factor * value for value in values if value is not None]
    if not known:
        return "–"
    text = format(statistics.fmean(known), form)
    return f"{text} ±{format(statistics.stdev(known), form)}" if spread and len(known) > 1 else text


def epochs_to(results: Mapping[str, Any], score: str, value: float) -> list[str]:
    """Of each method, the first epoch with so low a validation score: the median of the runs that came to it."""
    found: dict[str, list[int | None]] = {}
    for cell in results["cells"]:
        scores = [epoch["validation"][score] for epoch in cell["curves"]]
        first = next((place for place, reached in enumerate(scores, 1) if reached <= value), None)
        found.setdefault(cell["method"], []).append(first)
    lines = []
    for method, epochs in found.items():
        known = [epoch for epoch in epochs if epoch is not None]
        median = f"{statistics.median(known):g}" if known else "–"
        lines.append(f"{method:24} {median:>5}   {len(known)} of {len(epochs)} runs")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--reaches", nargs=2, metavar=("SCORE", "VALUE"), help="print the epochs that this takes")
    options = parser.parse_args()
    pages = []
    for run in options.runs:
        whole = json.loads((run / "results.json").read_text(encoding="utf-8"))
        results = condensed(whole)
        pages.append(results)
        data = results["data"]
        print(f"\n### {data['description']}\n\n`{results['command']}`\n")
        for epoch in ("last", "selected"):
            print(f"{epoch} epoch\n")
            print("\n".join(table(results, epoch)), "\n")
        print(results["verdict"]["text"])
        if options.reaches:
            score, value = options.reaches
            print(f"epochs to a validation {score} of {value}", *epochs_to(whole, score, float(value)), sep="\n")
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        lines = ",\n".join(json.dumps(page) for page in pages)
        options.out.with_suffix(".json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
