"""Do a method's own scores of training rows find the labels that noise has made wrong?

    python benchmarks/doubted_rows.py runs/digits-noise-0001 --out benchmarks/results/doubted-rows

For every run of a comparison with `--noise` that kept scores of its training rows: the area under the ROC curve of
1 - alpha, and of the largest share of the latent distribution, for labels that are not those of the same data without
noise; and the share of wrong ones among as many first rows as there are wrong ones. Beside them what needs no training:
how few rows have the same label, as even noise gives rare labels to rows of common classes. What a score knows besides
is its area within labels, of the pairs of a wrong and a right row with the same label; and how much of it is the label
alone is the share of its variance between labels. Where people gave the wrong labels, `--clean SOURCE` names the same
rows with right ones.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tomllib
from pathlib import Path
from typing import Any

import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from softlabel.experiments.config import CompareConfig
from softlabel.training.prepare import prepare
from softlabel.training.row_scores import read_row_scores


def doubts(scores: dict[str, Tensor]) -> dict[str, Tensor]:
    """Scores (N,) that are higher for rows that a method doubts."""
    found = {"1 - alpha": 1 - scores["alpha"]} if "alpha" in scores else {}
    return {**found, "largest latent share": scores["latent"].max(1).values} if "latent" in scores else found


def measured(doubt: Tensor, wrong: Tensor, given: Tensor) -> dict[str, float]:
    """Areas under the ROC curve, over all rows and within labels, and precision among as many rows as are wrong."""
    first = doubt.argsort(descending=True, stable=True)[: int(wrong.sum())]
    return {
        "auc": float(roc_auc_score(wrong, doubt)),
        "within": area_within(doubt, wrong, given),
        "label": between_labels(doubt, given),
        "precision": float(wrong[first].float().mean()),
    }


def area_within(doubt: Tensor, wrong: Tensor, given: Tensor) -> float:
    """Of the pairs of a wrong and a right row with one label, those whose wrong one is doubted more; NaN for none."""
    ordered, pairs = 0.0, 0
    for label in given.unique():
        rows = given == label
        count = int(wrong[rows].sum()) * int((~wrong[rows]).sum())
        if count:
            ordered += count * float(roc_auc_score(wrong[rows], doubt[rows]))
            pairs += count
    return ordered / pairs if pairs else math.nan


def between_labels(doubt: Tensor, given: Tensor) -> float:
    """The share of a score's variance that is between the means of the labels; NaN where the score is constant."""
    counts = given.bincount().double()
    means = torch.zeros_like(counts).index_add(0, given, doubt.double()) / counts.clamp_min(1)
    return float(means[given].var(correction=0) / doubt.double().var(correction=0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--clean", help="source of the same rows with right labels")
    parser.add_argument("--out", type=Path, help="write PATH.txt and PATH.json")
    options = parser.parse_args()
    config = CompareConfig.model_validate(tomllib.loads((options.run / "config.toml").read_text(encoding="utf-8")))
    noisy = prepare(config.data, config.task).splits.training
    right = config.data.model_copy(update={"noise": 0.0, "source": options.clean or config.data.source})
    flags = noisy.annotation != prepare(right, config.task).source.samples.annotation[noisy.sample_id]
    place = {row: position for position, row in enumerate(noisy.sample_id.tolist())}
    rarity = -noisy.annotation.bincount()[noisy.annotation].double()
    found: dict[str, list[dict[str, Any]]] = {"no method, rarity": [measured(rarity, flags, noisy.annotation)]}
    for cell in sorted((options.run / "cells").iterdir()):
        ids, scores = read_row_scores(cell)
        rows = torch.tensor([place[row] for row in ids.tolist()])
        for name, doubt in doubts(scores).items():
            method = cell.name.rpartition("-seed")[0]
            found.setdefault(f"{method}, {name}", []).append(measured(doubt, flags[rows], noisy.annotation[rows]))
    share = flags.double().mean()
    lines = [f"{len(flags):,} training rows, {100 * share:.1f} % of them with a wrong label", ""]
    for name, seeds in found.items():
        mean = {key: statistics.fmean(seed[key] for seed in seeds) for key in seeds[0]}
        areas = f"AUC {mean['auc']:.3f}   within labels {mean['within']:.3f}   precision {mean['precision']:.3f}"
        lines.append(f"{name:34} {areas}   by the label {mean['label']:.2f}   {len(seeds)} seed{'s'[: len(seeds) > 1]}")
    print("\n".join(lines))
    if options.out:
        options.out.with_suffix(".txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        options.out.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
