"""Backbones that are Python objects, built as those of timm and of torchvision are."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import softlabel as sl
from softlabel.deployed.model_folder import load_model
from softlabel.errors import ConfigError, SoftlabelError, UnsupportedError
from softlabel.networks.adapter import adapt
from softlabel.networks.build import build_network
from softlabel.networks.config import NetworkConfig
from softlabel.networks.given import name_of
from softlabel.networks.inputs import InputSpec

INPUTS = InputSpec("image", (1, 8, 8), [0.5], [0.25])


class Torchvision(nn.Module):
    """Stages, average pooling, flatten, fc."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.layer1 = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU())
        self.layer2 = nn.Sequential(nn.Conv2d(4, 6, 3, stride=2), nn.ReLU())
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(6, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer2(self.layer1(torch.relu(self.bn1(self.conv1(x)))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


class Timm(nn.Module):
    """forward_features and forward_head, with a classifier behind dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_stem = nn.Conv2d(1, 4, 3, stride=2, bias=False)
        self.blocks = nn.Sequential(nn.Conv2d(4, 5, 3), nn.ReLU())
        self.global_pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(1))
        self.classifier = nn.Linear(5, 1000)

    def forward_features(self, x: Tensor) -> Tensor:
        return self.blocks(self.conv_stem(x))

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        pooled = nn.functional.dropout(self.global_pool(x), 0.1, self.training)
        return pooled if pre_logits else self.classifier(pooled)

    def forward(self, x: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(x))


def trained(folder: Path, backbone: Any, method: str = "cross_entropy", **options: Any) -> Any:
    return sl.train(source="digits", method=method, backbone=backbone, epochs=1, runs=str(folder), **options)


@pytest.mark.parametrize("module", [Torchvision(), Timm()], ids=["torchvision", "timm"])
def test_a_module_is_trained_and_its_weights_are_loaded_again(module: nn.Module, tmp_path: Path) -> None:
    before = {name: value.clone() for name, value in module.state_dict().items()}
    result = trained(tmp_path, module, optimiser="sgd", learning_rate=0.01)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    with pytest.raises(SoftlabelError, match=f"a network of your own .{type(module).__name__}"):
        load_model(result.folder)
    network = build_network(NetworkConfig(backbone=name_of(module)), load_inputs(result.folder), 10, 0, given=module)
    model = load_model(result.folder, network)
    assert model(torch.zeros(2, 1, 8, 8, dtype=torch.uint8)).shape == (2, 10)


def load_inputs(folder: Path) -> InputSpec:
    import json

    return InputSpec.from_json(json.loads(next(folder.rglob("model.json")).read_text())["inputs"])


@pytest.mark.parametrize(("method", "trainable"), [("dasl", "all"), ("dmue", "all"), ("cross_entropy", "last")])
def test_stages_give_a_pyramid(method: str, trainable: str, tmp_path: Path) -> None:
    staged = functools.partial(adapt, Torchvision(), stages=["layer1", "layer2"])
    assert trained(tmp_path, staged, method, trainable=trainable).cell["status"] == "finished"


def test_a_run_goes_on_with_the_module(tmp_path: Path) -> None:
    folder = trained(tmp_path, Torchvision()).folder
    assert sl.train(resume=folder, backbone=Torchvision()).already_finished
    (folder / "result.json").unlink()
    with pytest.raises(UnsupportedError, match=r"module:Torchvision is a Python object, which only Python can give"):
        sl.train(resume=folder)


@pytest.mark.parametrize(
    ("backbone", "error", "message"),
    [
        (3, ConfigError, "backbone must be a name, a torch.nn.Module, or a function, not 3"),
        (nn.Sequential(nn.Conv2d(1, 2, 3)), UnsupportedError, "Sequential has no linear layer"),
        (nn.Sequential(nn.Conv2d(3, 2, 3), nn.Linear(5, 2)), UnsupportedError, "without .1. the module fails on"),
        (lambda _: 3, UnsupportedError, "returned int, expected a network made with softlabel.networks.adapter.adapt"),
    ],
)
def test_what_cannot_be_a_backbone(backbone: Any, error: type[Exception], message: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=message):
        trained(tmp_path, backbone)
    assert not list(tmp_path.iterdir())


def test_one_process_and_one_answer_a_row(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match=r"training\.processes must be 1"):
        trained(tmp_path, Torchvision(), processes=2)
    with pytest.raises(UnsupportedError, match="a class per pixel needs encoder_decoder"):
        build_network(NetworkConfig(backbone="module:Own", head="pixel"), INPUTS, 2, 0, given=Torchvision())
    with pytest.raises(ConfigError, match="backbone"):
        sl.compare(source="digits", methods=["cross_entropy"], backbone=Torchvision(), runs=str(tmp_path))
