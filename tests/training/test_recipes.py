"""The recipes that come with the library are configurations it takes, and say what their names promise."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from softlabel.experiments.config import CompareConfig
from softlabel.methods.base.discovery import find_method
from softlabel.networks.build import BACKBONES, PRETRAINED
from softlabel.networks.hub import PREFIX
from softlabel.training.config import RunConfig
from softlabel.training.schedule import Schedule

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.toml"))


def read(path: Path) -> RunConfig | CompareConfig:
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    kind = CompareConfig if "comparison" in content else RunConfig
    return kind.model_validate_json(json.dumps(content), strict=True)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_option_of_a_method_is_known(path: Path) -> None:
    for name, options in read(path).methods.items():
        kind = find_method(options.get("method", name))
        kind.Config.model_validate({key: value for key, value in options.items() if key != "method"})


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_key_and_value_is_known(path: Path) -> None:
    config = read(path)
    assert config.network.backbone in {*BACKBONES, PRETRAINED, "auto"} or config.network.backbone.startswith(PREFIX)
    assert f"recipes/{path.name}" in path.read_text(encoding="utf-8")  # the command in its comment


def test_probing_trains_the_head_and_fine_tuning_all() -> None:
    recipes = {path.stem: read(path) for path in RECIPES}
    assert recipes["linear-probe"].network.trainable == "head"
    assert recipes["finetune"].network.trainable == "all"
    assert recipes["finetune"].training.learning_rate < recipes["linear-probe"].training.learning_rate


@pytest.mark.parametrize("classes", [10, 100])
@pytest.mark.parametrize(("decay", "weight_decay"), [(0.01, 2e-4), (0.1, 5e-4)])
def test_the_long_tailed_recipes_are_the_published_protocols(classes: int, decay: float, weight_decay: float) -> None:
    recipes = {path.stem: read(path) for path in RECIPES}
    config = recipes[f"cifar{classes}-lt-resnet32-decay-{decay:g}"]
    assert isinstance(config, RunConfig)
    assert config.network.backbone == "resnet32"
    assert config.data.source == f"hub:uoft-cs/cifar{classes}"
    assert (config.data.protocol, config.data.imbalance) == ("published", 100)
    training = config.training
    assert [training.epochs * share for share in training.milestones] == [160, 180]
    assert (training.epochs, training.batch_size, training.warmup_epochs) == (200, 128, 5)
    assert (training.learning_rate, training.momentum, training.nesterov) == (0.1, 0.9, False)
    epochs = {name: config.methods[name]["classifier_epochs"] for name in ("crt", "lws")}
    assert epochs == {"crt": 10, "lws": 5}
    assert {config.methods[name]["balanced_epoch"] for name in epochs} == {"classes"}
    assert training.balanced_epoch == config.methods.get("mislas", {}).get("balanced_epoch", "rows") == "rows"
    assert (training.decay, training.weight_decay) == (decay, weight_decay)
    schedule = Schedule("step", 0.1, 200, 5, training.milestones, training.decay)
    assert [schedule.rate(epoch) for epoch in (0, 4, 159, 160, 179, 180, 199)] == pytest.approx(
        [0.02, 0.1, 0.1, 0.1 * decay, 0.1 * decay, 0.1 * decay**2, 0.1 * decay**2]
    )
