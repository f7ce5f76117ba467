"""Do a method's own scores of training rows find the labels that noise has made wrong?

    python -m benchmarks doubted_rows runs/digits-noise-0001 --out benchmarks/results/doubted-rows

For every run of a comparison with `--noise` that kept scores of its training rows: the area under the ROC curve of
1 - alpha, and of the largest share of the latent distribution, for labels that are not those of the same data without
noise; and the share of wrong ones among as many first rows as there are wrong ones. Beside them what needs no training:
how few rows have the same label, as even noise gives rare labels to rows of common classes. What a score knows besides
is its area within labels, of the pairs of a wrong and a right row with the same label; and how much of it is the label
alone is the share of its variance between labels; the means of alpha by label are listed too. Where people gave the
wrong labels, `--clean SOURCE` names the same rows with right ones.
"""

from __future__ import annotations

import math
import statistics
from argparse import ArgumentParser, Namespace
from pathlib import Path

import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from benchmarks.benchmark import Json
from softlabel.evaluation.row_scores import read_row_scores
from softlabel.experiments.config import CompareConfig
from softlabel.runs.run_folder import read_settings
from softlabel.tasks.prepared import prepare

RIVAL = "the rarity of a row's label, which needs no training; chance"
PACKAGES = ("scikit-learn",)
QUICK = None


def doubts(scores: dict[str, Tensor]) -> dict[str, Tensor]:
    """Scores (N,) that are higher for rows that a method doubts."""
    found = {"1 - alpha": 1 - scores["alpha"]} if "alpha" in scores else {}
    return {**found, "largest latent share": scores["latent"].max(1).values} if "latent" in scores else found


def areas_of(doubt: Tensor, wrong: Tensor, given: Tensor) -> dict[str, float]:
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
    means = means_of_labels(doubt, given)
    return float(means[given].var(correction=0) / doubt.double().var(correction=0))


def means_of_labels(values: Tensor, given: Tensor) -> Tensor:
    """The mean of the rows with each label, (K,); 0 for a label without rows."""
    counts = given.bincount().double()
    return torch.zeros_like(counts).index_add(0, given, values.double()) / counts.clamp_min(1)


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("run", type=Path)
    parser.add_argument("--clean", help="source of the same rows with right labels")


def measure(options: Namespace) -> Json:
    """Of each method and score the measures of every seed; and of alpha the mean by label."""
    run, clean = options.run, options.clean
    config = read_settings(run, CompareConfig)
    prepared = prepare(config.data, config.task)
    noisy = prepared.splits.training
    right = config.data.model_copy(update={"noise": 0.0, "source": clean or config.data.source})
    wrong = noisy.annotation != prepare(right, config.task).source.samples.annotation[noisy.sample_id]
    place = {row: position for position, row in enumerate(noisy.sample_id.tolist())}
    counts = noisy.annotation.bincount()
    rarity = -counts[noisy.annotation].double()
    found: dict[str, list[dict[str, float]]] = {"no method, rarity": [areas_of(rarity, wrong, noisy.annotation)]}
    alphas: dict[str, list[list[float]]] = {}
    for cell in sorted((run / "cells").iterdir()):
        ids, scores = read_row_scores(cell)
        method = cell.name.rpartition("-seed")[0]
        rows = torch.tensor([place[row] for row in ids.tolist()])
        for name, doubt in doubts(scores).items():
            found.setdefault(f"{method}, {name}", []).append(areas_of(doubt, wrong[rows], noisy.annotation[rows]))
        if "alpha" in scores:
            alphas.setdefault(method, []).append(means_of_labels(scores["alpha"], noisy.annotation[rows]).tolist())
    labels = dict(zip(prepared.task.class_names, counts.tolist(), strict=True))
    return {"rows": len(wrong), "wrong": int(wrong.sum()), "labels": labels, "scores": found, "alpha": alphas}


def told(measured: Json) -> str:
    share = 100 * measured["wrong"] / measured["rows"]
    lines = [f"{measured['rows']:,} training rows, {share:.1f} % of them with a wrong label", ""]
    for name, seeds in measured["scores"].items():
        mean = {key: statistics.fmean(seed[key] for seed in seeds) for key in seeds[0]}
        areas = f"AUC {mean['auc']:.3f}   within labels {mean['within']:.3f}   precision {mean['precision']:.3f}"
        lines.append(f"{name:34} {areas}   by the label {mean['label']:.2f}   {len(seeds)} seed{'s'[: len(seeds) > 1]}")
    if measured["alpha"]:
        lines += ["", f"{'mean alpha by label':20}" + "".join(f"{name[:10]:>11}" for name in measured["labels"])]
        lines.append(f"{'rows':20}" + "".join(f"{count:11,}" for count in measured["labels"].values()))
    for method, seeds in measured["alpha"].items():
        lines.append(f"{method:20}" + "".join(f"{statistics.fmean(means):11.3f}" for means in zip(*seeds, strict=True)))
    return "\n".join(lines)
