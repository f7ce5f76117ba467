"""Do a method's own scores of training rows find the labels that noise has made wrong?

    python benchmarks/doubted_rows.py runs/digits-noise-0001 --out benchmarks/results/doubted-rows

For every run of a comparison with `--noise` that kept scores of its training rows: the area under the ROC curve of
1 - alpha, and of the largest share of the latent distribution, for labels that are not those of the same data without
noise; and the share of wrong ones among as many first rows as there are wrong ones. Where people gave the wrong labels,
`--clean SOURCE` names the same rows with right ones.
"""

from __future__ import annotations

import argparse
import json
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


def measured(doubt: Tensor, wrong: Tensor) -> dict[str, float]:
    """Area under the ROC curve, and precision among as many rows as are wrong."""
    first = doubt.argsort(descending=True)[: int(wrong.sum())]
    return {"auc": float(roc_auc_score(wrong, doubt)), "precision": float(wrong[first].float().mean())}


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
    wrong_of = dict(zip(noisy.sample_id.tolist(), flags.tolist(), strict=True))
    found: dict[str, list[dict[str, Any]]] = {}
    for cell in sorted((options.run / "cells").iterdir()):
        ids, scores = read_row_scores(cell)
        wrong = torch.tensor([wrong_of[row] for row in ids.tolist()], dtype=torch.bool)
        for name, doubt in doubts(scores).items():
            found.setdefault(f"{cell.name.rpartition('-seed')[0]}, {name}", []).append(measured(doubt, wrong))
    share = statistics.fmean(wrong_of.values())
    lines = [f"{len(wrong_of):,} training rows, {100 * share:.1f} % of them with a wrong label", ""]
    for name, seeds in found.items():
        means = (statistics.fmean(seed[key] for seed in seeds) for key in ("auc", "precision"))
        lines.append(f"{name:42} AUC {next(means):.3f}   precision {next(means):.3f}   {len(seeds)} seeds")
    print("\n".join(lines))
    if options.out:
        options.out.with_suffix(".txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        options.out.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
