"""What counts alike on validation rows, for the epoch and for the temperature: rows, or classes."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from softlabel.deployed.model_folder import load_model
from softlabel.errors import ConfigError
from softlabel.evaluation.scores import collect
from softlabel.tasks.prepared import prepare
from softlabel.training.config import RunConfig, TrainingConfig
from softlabel.training.train import train

Weights = Literal["rows", "classes"]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Two overlapping classes, one of which is rare in every part."""
    random = np.random.default_rng(0)
    label = (random.random(600) < 0.1).astype(int)
    x = random.normal(size=(600, 2)) + label[:, None]
    path = tmp_path / "rare.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["a", "b", "kind"])
        rows.writerows([*map(float, row), "rare" if own else "common"] for row, own in zip(x, label, strict=True))
    return path


def config(table: Path, weights: Weights, **more: Any) -> RunConfig:
    data = {
        "source": f"csv:{table}",
        "feature_columns": ["a", "b"],
        "label_column": "kind",
        "validation_share": 0.4,
        "validation_weights": weights,
        **more,
    }
    return RunConfig.model_validate({"data": data, "training": {"epochs": 6, "learning_rate": 0.3}})


@pytest.mark.parametrize(("weights", "score"), [("rows", "nll"), ("classes", "balanced_nll")])
def test_epoch_and_temperature_have_the_best_score(table: Path, tmp_path: Path, weights: Weights, score: str) -> None:
    asked = config(table, weights)
    train(asked, folder=tmp_path / "run")
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    found = {name: [epoch["validation"][name] for epoch in result["curves"]] for name in ("nll", "balanced_nll")}
    calibrated = [epoch["validation"]["calibrated_selection"] for epoch in result["curves"]]
    assert result["selected_epoch"] == 1 + int(np.argmin(calibrated))
    kept = result["temperature_flag"] == "no gain on rows left out"
    assert kept or result["validation"][score] == pytest.approx(min(calibrated))
    assert all(after <= before for after, before in zip(calibrated, found[score], strict=True))

    validation = prepare(asked.data).splits.validation
    assert validation is not None
    logits, index = (found.numpy() for found in collect(load_model(tmp_path / "run").logits, validation))
    share = np.ones(len(index)) if weights == "rows" else (1 / np.bincount(index))[index]

    def mean_loss(temperature: float) -> float:
        scaled = logits.astype(np.float64) / temperature
        losses = np.log(np.exp(scaled).sum(1)) - scaled[np.arange(len(index)), index]
        return float((share * losses).sum() / share.sum())

    best = minimize_scalar(mean_loss, bounds=(0.05, 20), method="bounded", options={"xatol": 1e-6})
    assert result["temperature"] == pytest.approx(1.0 if kept else best.x, rel=1e-3)


def test_an_epoch_is_judged_with_its_own_temperature(table: Path, tmp_path: Path) -> None:
    training = TrainingConfig(epochs=12, learning_rate=0.1, batch_size=16, schedule="constant")
    train(config(table, "classes").model_copy(update={"training": training}), folder=tmp_path / "run")
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    before, after = (
        [epoch["validation"][name] for epoch in result["curves"]] for name in ("balanced_nll", "calibrated_selection")
    )
    assert result["selected_epoch"] == 1 + int(np.argmin(after)) != 1 + int(np.argmin(before))


def test_of_epochs_with_every_row_right_the_surest_is_chosen(tmp_path: Path) -> None:
    path = tmp_path / "easy.csv"
    path.write_text("a,kind\n" + "".join(f"{row % 2 + row / 1000},{'ab'[row % 2]}\n" for row in range(200)))
    data = {"source": f"csv:{path}", "feature_columns": ["a"], "label_column": "kind"}
    training = {"epochs": 5, "learning_rate": 0.05, "schedule": "constant"}
    train(RunConfig.model_validate({"data": data, "training": training}), folder=tmp_path / "run")
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    before = [epoch["validation"]["nll"] for epoch in result["curves"]]
    assert (result["temperature"], result["temperature_flag"]) == (1.0, "every row right: kept at 1")
    assert result["selected_epoch"] == 1 + int(np.argmin(before)) > 1


def test_rows_without_one_class_count_alike(tmp_path: Path) -> None:
    path = tmp_path / "votes.csv"
    path.write_text("a,yes,no\n" + "".join(f"{row},{row % 4},1\n" for row in range(40)))
    data = {"source": f"csv:{path}", "feature_columns": ["a"], "vote_columns": ["yes", "no"]}
    asked = RunConfig.model_validate({"data": {**data, "validation_weights": "classes"}})
    with pytest.raises(
        ConfigError, match="'classes' is for rows of one class each; the task distribution counts every"
    ):
        prepare(asked.data)
    assert prepare(asked.data, "classification").task.class_balanced
