"""The recipes that come with the library are configurations it takes, and say what their names promise."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from softlabel.networks.build import BACKBONES
from softlabel.networks.hub import PREFIX
from softlabel.training.config import RunConfig

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.toml"))


def read(path: Path) -> RunConfig:
    return RunConfig.model_validate_json(json.dumps(tomllib.loads(path.read_text(encoding="utf-8"))), strict=True)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_key_and_value_is_known(path: Path) -> None:
    config = read(path)
    assert config.network.backbone in BACKBONES or config.network.backbone.startswith(PREFIX)
    assert f"recipes/{path.name}" in path.read_text(encoding="utf-8")  # the command in its comment


def test_probing_trains_the_head_and_fine_tuning_all() -> None:
    recipes = {path.stem: read(path) for path in RECIPES}
    assert recipes["linear-probe"].network.trainable == "head"
    assert recipes["finetune"].network.trainable == "all"
    assert recipes["finetune"].training.learning_rate < recipes["linear-probe"].training.learning_rate


def test_the_long_tailed_recipe_is_the_published_protocol() -> None:
    config = read(next(path for path in RECIPES if path.stem.startswith("cifar10")))
    assert config.network.backbone == "resnet32"
    assert (config.data.protocol, config.data.imbalance) == ("published", 100)
    training = config.training
    assert [training.epochs * share for share in training.milestones] == [160, 180]
    assert (training.batch_size, training.learning_rate, training.weight_decay) == (128, 0.1, 2e-4)
