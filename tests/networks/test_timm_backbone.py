"""Backbones of timm, on a stand-in for that library: its models are random, its interface is the library's own."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import pytest
import safetensors.torch
import torch
from huggingface_hub import HfApi
from torch import Tensor, nn

from softlabel.deployed.model_folder import load_model, save_model
from softlabel.errors import RunError, UnsupportedError
from softlabel.networks.build import build_network
from softlabel.networks.config import NetworkConfig
from softlabel.networks.inputs import InputSpec

IMAGES = InputSpec("image", (3, 16, 16), [0.5] * 3, [0.2] * 3)
TASK = {"name": "classification", "class_names": ["a", "b"]}


class Model(nn.Module):
    """As timm's: feature_info names the stages, and without classes the pooled features come out."""

    feature_info: ClassVar = [{"module": "layer1", "num_chs": 4}, {"module": "layer2", "num_chs": 6}]

    def __init__(self, fixed: bool) -> None:
        super().__init__()
        self.pretrained_cfg = {"fixed_input_size": fixed}
        self.layer1 = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.ReLU())
        self.layer2 = nn.Sequential(nn.Conv2d(4, 6, 3, stride=2), nn.ReLU())
        self.mask_token = nn.Parameter(torch.zeros(3))

    def forward(self, x: Tensor) -> Tensor:
        return self.layer2(self.layer1(x)).mean((2, 3))


@pytest.fixture
def timm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The library with weights in a file, as after a download."""
    weights = tmp_path / "model.safetensors"
    torch.manual_seed(1)
    safetensors.torch.save_file(Model(False).state_dict(), weights)

    def create_model(name: str, *, pretrained: bool, num_classes: int, pretrained_cfg_overlay: Any = None) -> nn.Module:
        assert num_classes == 0
        model = Model(fixed=name == "fixed")
        if pretrained:
            model.load_state_dict(safetensors.torch.load_file(pretrained_cfg_overlay["file"]))
        return model

    def data_config(_: nn.Module) -> dict[str, Any]:
        return {"input_size": (3, 12, 12), "interpolation": "bicubic", "mean": (0.4, 0.5, 0.6), "std": (0.2, 0.25, 0.3)}

    library: Any = ModuleType("timm")
    library.create_model = create_model
    library.is_model = lambda name: name in ("small", "fixed", "bare", "missing")
    library.get_pretrained_cfg = lambda name: SimpleNamespace(hf_hub_id=None if name == "bare" else f"timm/{name}")
    library.data = ModuleType("timm.data")
    library.data.resolve_model_data_config = data_config
    monkeypatch.setitem(sys.modules, "timm", library)
    monkeypatch.setitem(sys.modules, "timm.data", library.data)
    monkeypatch.setattr(
        "huggingface_hub.try_to_load_from_cache", lambda place, _: None if place == "timm/missing" else str(weights)
    )
    return weights


def test_the_weights_are_the_downloaded_ones(timm: Path) -> None:
    network = build_network(NetworkConfig(backbone="timm:small"), IMAGES, 2, 0)
    stored = safetensors.torch.load_file(timm)
    assert all(torch.equal(value, stored[name]) for name, value in network.backbone.module.state_dict().items())
    assert network.backbone.pretrained
    pixels = torch.full((1, 3, 16, 16), 255, dtype=torch.uint8)
    expected = (1 - torch.tensor([0.4, 0.5, 0.6])) / torch.tensor([0.2, 0.25, 0.3])
    torch.testing.assert_close(network.preprocess(pixels)[0, :, 0, 0], expected)


def test_its_stages_are_the_pyramid(timm: Path) -> None:
    network = build_network(NetworkConfig(backbone="timm:small"), IMAGES, 2, 0)
    assert network.backbone.widths == (4, 6)
    levels, pooled = network.features(torch.zeros(2, 3, 16, 16, dtype=torch.uint8))
    torch.testing.assert_close(network.backbone.pool(network.backbone.last_stage()(levels[0])), pooled)


def test_what_no_feature_depends_on_is_frozen(timm: Path) -> None:
    network = build_network(NetworkConfig(backbone="timm:small"), IMAGES, 2, 0)
    idle = [name for name, weight in network.named_parameters() if not weight.requires_grad]
    assert idle == ["backbone.module.mask_token"]


def test_a_model_of_one_size_gets_images_of_it(timm: Path) -> None:
    network = build_network(NetworkConfig(backbone="timm:fixed"), IMAGES, 2, 0)
    assert network.preprocess(torch.zeros(1, 3, 16, 16, dtype=torch.uint8)).shape == (1, 3, 12, 12)


def test_blocks_of_tokens_give_no_pyramid(timm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Model, "feature_info", [{"module": "layer1"}, {"module": "flat"}])
    network = build_network(NetworkConfig(backbone="timm:small"), IMAGES, 2, 0)
    assert network.backbone.widths == (6,)


def test_it_ships_without_a_connection(timm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = NetworkConfig(backbone="timm:small")
    network = build_network(config, IMAGES, 2, 0).eval()
    folder = save_model(tmp_path / "model", network, inputs=IMAGES, network_config=config, task_json=TASK)
    timm.unlink()
    pixels = torch.randint(0, 256, (2, 3, 16, 16), dtype=torch.uint8)
    with torch.no_grad():
        torch.testing.assert_close(load_model(folder).network(pixels), network(pixels))
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(UnsupportedError, match=r"needs the timm library: pip install timm$"):
        load_model(folder)


def test_a_shipped_name_that_timm_does_not_know_is_refused(timm: Path, tmp_path: Path) -> None:
    config = NetworkConfig(backbone="timm:small")
    network = build_network(config, IMAGES, 2, 0)
    network.backbone.origin["name"] = "hf-hub:somebody/else"
    folder = save_model(tmp_path / "model", network, inputs=IMAGES, network_config=config, task_json=TASK)
    with pytest.raises(RunError, match="timm has no model 'hf-hub:somebody/else'"):
        load_model(folder)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing", "timm has no model 'nothing'"),
        ("hf-hub:a/b", "timm has no model 'hf-hub:a/b'"),
        ("", "timm has no model ''"),
        ("bare", "timm:bare has no weights on the Hub"),
        ("missing", "timm:missing is not on this machine, and the Hub cannot be asked for it .no connection"),
    ],
)
def test_what_cannot_be_had(timm: Path, name: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def model_info(*_: object, **__: object) -> None:
        raise ConnectionError("no connection")

    monkeypatch.setattr(HfApi, "model_info", model_info)
    with pytest.raises(UnsupportedError, match=message):
        build_network(NetworkConfig(backbone=f"timm:{name}"), IMAGES, 2, 0)


def test_damaged_weights_are_one_line(timm: Path) -> None:
    timm.write_bytes(timm.read_bytes()[:100])
    with pytest.raises(UnsupportedError, match="timm:small cannot be loaded: "):
        build_network(NetworkConfig(backbone="timm:small"), IMAGES, 2, 0)


def test_features_and_two_channels_are_refused(timm: Path) -> None:
    for inputs in (
        InputSpec("features", (4,), [0.0] * 4, [1.0] * 4),
        InputSpec("image", (2, 8, 8), [0.0] * 2, [1.0] * 2),
    ):
        with pytest.raises(UnsupportedError, match="takes images of 3 channels"):
            build_network(NetworkConfig(backbone="timm:small"), inputs, 2, 0)
