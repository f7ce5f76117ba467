"""No option is dead: each one, changed alone, changes what a run leaves behind, is refused, or only says how to run."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from softlabel.cli.configuring.options import Option, options_of
from softlabel.training.config import RunConfig
from softlabel.training.train import train
from tests.cli.configuring.test_configuration import as_words, from_flags
from tests.made_options import is_read, some_values

SMALL = ["--epochs", "2", "--backbone", "mlp", "--batch-size", "256", "--method", "label_smoothing"]

CHANGES: dict[str, str] = {
    "method": "--method cross_entropy",
    "seed": "--seed 1",
    "imbalance": "--imbalance 4",
    "training_share": "--training-share 0.5",
    "noise": "--noise 0.2",
    "noise_kind": "--noise 0.2 --noise-kind symmetric | --noise 0.2 --noise-kind class-dependent",
    "protocol": "--protocol published",
    "split_seed": "--split-seed 1",
    "test_share": "--test-share 0.3",
    "validation_share": "--validation-share 0.2",
    "validation_weights": "--validation-weights classes",
    "groups": "--groups thirds",
    "resize": "--resize 6,6",
    "fit": "--resize 8,4 | --resize 8,4 --fit stretch",
    "colour": "--colour rgb",
    "backbone": "--backbone resnet8",
    "head": "--head cosine",
    "hidden": "--hidden 9",
    "trainable": "--trainable head",
    "epochs": "--epochs 3",
    "batch_size": "--batch-size 128",
    "optimiser": "--optimiser adamw",
    "learning_rate": "--learning-rate 0.05",
    "momentum": "--momentum 0.5",
    "nesterov": "--no-nesterov",
    "weight_decay": "--weight-decay 0.01",
    "warmup_epochs": "--warmup-epochs 0",
    "schedule": "--schedule constant",
    "milestones": "--schedule step --milestones 0.5 | --schedule step --milestones 0.9",
    "decay": "--schedule step --milestones 0.5 --decay 0.1 | --schedule step --milestones 0.5 --decay 0.5",
    "clip_norm": "--clip-norm 0.01",
    "ema": "--ema 0.9",
    "augment": "--augment none",
    "sampler": "--sampler balanced",
    "balanced_epoch": "--sampler balanced | --sampler balanced --balanced-epoch classes",
    "head_limit": "--head-limit 20",
}
"""What changes each option; of two lines, one run is compared with the other instead of with the small one."""

ONLY_HOW: dict[str, str] = {
    "accumulate": "--accumulate 2",  # the same step, but for rounding
    "corrections": "--corrections reviewed.csv",
    "checkpoint_every": "--checkpoint-every 2",
    "device": "--device cpu",
    "max_megapixels": "--max-megapixels 10",
    "memory": "--memory stream",
    "white_level": "--white-level 4095",
    "name": "--name other",
    "precision": "--precision bf16",
    "processes": "--processes 2",
    "runs": "--runs elsewhere",
    "skip_bad": "--skip-bad",
    "source": "--source folder:photos",
    "task": "--task classification",
}
"""How to run, where to, or which data: the configuration changes, a run of the digits need not."""

OTHERS = [
    option
    for option in options_of(RunConfig)
    if option.name not in {*CHANGES, *ONLY_HOW} and is_read(option.name, RunConfig())
]
"""Options that no table names: some value of each changes the run. The digits do not read the rest."""


def left_behind(words: str, folder: Path) -> str:
    """A digest of scores, curves and weights of a small run."""
    config = from_flags(RunConfig, *SMALL, *words.split())
    result = train(config, folder=folder).cell
    curves = [{key: record[key] for key in ("loss", "learning_rate", "validation")} for record in result["curves"]]
    weights = [path.read_bytes() for path in sorted((folder / "model").glob("*.safetensors"))]
    told: dict[str, Any] = {"curves": curves, "last": result["last"], "rows": result["details"]}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode() + b"".join(weights)).hexdigest()


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> str:
    return left_behind("", tmp_path_factory.mktemp("plain") / "run")


def test_the_tables_name_options_that_there_are() -> None:
    assert {*CHANGES, *ONLY_HOW} <= {option.name for option in options_of(RunConfig)}


QUICK = 4
"""Of so many options one is tried in every run of the tests; all of them are slow in number."""


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] if place % QUICK else []) for place, name in enumerate(CHANGES)],
)
def test_an_option_changes_the_run(name: str, plain: str, tmp_path: Path) -> None:
    first, _, second = CHANGES[name].partition(" | ")
    other = left_behind(second, tmp_path / "other") if second else plain
    assert left_behind(first, tmp_path / "run") != other


@pytest.mark.parametrize("name", ONLY_HOW)
def test_an_option_that_says_how_to_run_changes_the_configuration(name: str) -> None:
    changed = from_flags(RunConfig, *ONLY_HOW[name].split())
    assert changed != RunConfig()


@pytest.mark.parametrize("option", OTHERS, ids=[option.name for option in OTHERS])
def test_some_value_of_any_other_option_changes_the_run(option: Option, plain: str, tmp_path: Path) -> None:
    runs = (
        left_behind(" ".join(as_words(option.name, value)), tmp_path / str(place))
        for place, value in enumerate(some_values(option))
    )
    assert any(run != plain for run in runs)
