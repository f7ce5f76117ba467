"""Do the distributions of each method of a comparison agree with people's votes?

    python -m benchmarks people_votes runs/ferplus-noise-0.1-0001 --votes packed:DATA/ferplus_test --out OUT

Every model of the comparison is scored against one half of the votes of these rows, as `softlabel evaluate --votes`
does, beside the other half of the voters. Where training rows have votes too, so is what DMUE makes of these rows:
alpha of the given label, and the rest of the latent distribution. The stored file has the scores against all votes too.
"""

from __future__ import annotations

import statistics
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.benchmark import Json
from softlabel.analysis.agreement import Agreement, agreement, evaluate_against_votes
from softlabel.data.config import DataConfig
from softlabel.data.reading.open_source import open_source
from softlabel.evaluation.row_scores import read_row_scores
from softlabel.experiments.config import CompareConfig
from softlabel.runs.run_folder import read_settings
from softlabel.tasks.prepared import prepare

RIVAL = "the other half of the voters; every method of the comparison"
PACKAGES = ()
QUICK = None

Row = dict[str, Any]
COLUMNS = {
    "all.js": "JS, all classes",
    "off.js": "JS, other classes",
    "all.kendall": "Kendall, all",
    "off.kendall": "Kendall, other",
}
NAMES = 70


def of_model(cell: Path, votes: DataConfig) -> Agreement:
    return evaluate_against_votes(cell, votes).votes


def of_training_rows(cell: Path, votes: Tensor, given: dict[int, int]) -> Agreement | None:
    """alpha on the given label and the latent distribution for the rest, beside the votes (M, K) of the source."""
    ids, scores = read_row_scores(cell)
    if not {"alpha", "latent"} <= set(scores):
        return None
    label = torch.tensor([given[row] for row in ids.tolist()])
    alpha, latent = scores["alpha"].double()[:, None], scores["latent"].double()
    mixed = alpha * F.one_hot(label, latent.shape[1]) + (1 - alpha) * latent
    return agreement(mixed.clamp_min(1e-12).log(), votes[ids].double())


def votes_like(data: DataConfig, source: str) -> DataConfig:
    """Rows with votes, read as the rows of the comparison are: the same size, or the same columns of a table."""
    if not data.feature_columns:
        return DataConfig(source=source, resize=data.resize)
    votes = data.vote_columns or ["votes_*"]
    return DataConfig(source=source, feature_columns=data.feature_columns, vote_columns=votes)


def of_run(run: Path, source: str) -> dict[str, list[Row]]:
    """Of each method, and of what it makes of training rows, the agreement of every seed."""
    config = read_settings(run, CompareConfig)
    training = prepare(config.data, config.task).splits.training
    given = dict(zip(training.sample_id.tolist(), training.annotation.tolist(), strict=True))
    whole = open_source(config.data)
    others = votes_like(config.data, source)
    found: dict[str, list[Row]] = {}
    for cell in sorted((run / "cells").iterdir()):
        method = cell.name.rpartition("-seed")[0]
        found.setdefault(method, []).append(of_model(cell, others).to_json())
        if whole.annotation_kind.are_votes and (cell / "training-rows.safetensors").exists():
            rows = of_training_rows(cell, whole.samples.annotation, given)
            if rows is not None:
                found.setdefault(f"{method}, alpha and latent of its training rows", []).append(rows.to_json())
    return found


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("run", type=Path)
    parser.add_argument("--votes", required=True, help="source whose rows have votes")


def measure(options: Namespace) -> Json:
    names = {"run": options.run.name, "votes": Path(options.votes).name}
    return {**names, "methods": of_run(options.run, options.votes)}


def told(measured: Json) -> str:
    found = measured["methods"]
    lines = [f"{measured['run']}, {measured['votes']}"]
    lines.append(f"{'':{NAMES}}" + "".join(f"{title:>20}" for title in COLUMNS.values()))
    for name, seeds in found.items():
        lines.append(f"{name:{NAMES}}" + "".join(f"{_mean(seeds, score, 'model_half'):>20}" for score in COLUMNS))
    for rows, seeds in {seeds[0]["rows"]: seeds for seeds in found.values()}.items():  # test rows, and training rows
        said = f"the other half of the voters ({rows:,} rows, {seeds[0]['off_label_rows']:,} with 3 other votes)"
        lines.append(f"{said:{NAMES}}" + "".join(f"{_mean(seeds, score, 'half'):>20}" for score in COLUMNS))
    return "\n".join(lines)


def _mean(seeds: list[Row], score: str, which: str) -> str:
    values = [seed["scores"][score][which]["value"] for seed in seeds]
    if None in values:
        return "–"
    spread = f" ±{statistics.stdev(values):.3f}" if len(values) > 1 and which == "model_half" else ""
    return f"{statistics.mean(values):.3f}{spread}"
