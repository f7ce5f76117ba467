"""Backbones of the transformers library, saved locally."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from huggingface_hub import HfApi
from huggingface_hub.errors import RepositoryNotFoundError
from torch import Tensor

from softlabel.errors import UnsupportedError
from softlabel.networks.branches import Branches
from softlabel.networks.build import build_network, rebuild_network
from softlabel.networks.config import NetworkConfig
from softlabel.networks.hub_preprocessing import HubPreprocess, cropped, resized
from softlabel.networks.inputs import InputSpec
from softlabel.networks.network import Network
from tests.networks.pretrained import PROCESSORS, transformers

Pretrained = Callable[[str], Path]
GREY = InputSpec("image", (1, 8, 8), [0.5], [0.2])
COLOUR = InputSpec("image", (3, 20, 24), [0.5] * 3, [0.2] * 3)
FAMILIES = ["resnet", "convnext", "vit"]


def network(path: Path, inputs: InputSpec = COLOUR, seed: int = 0) -> Network:
    return build_network(NetworkConfig(backbone=f"hf:{path}"), inputs, 4, seed)


def pixels(inputs: InputSpec = COLOUR, rows: int = 2) -> Tensor:
    return torch.randint(0, 256, (rows, *inputs.shape), dtype=torch.uint8)


@pytest.mark.parametrize("inputs", [COLOUR, GREY], ids=["colour", "grey"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_local_backbone_gives_a_pyramid(pretrained: Pretrained, family: str, inputs: InputSpec) -> None:
    net = network(pretrained(family), inputs)
    levels, pooled = net.features(pixels(inputs))
    assert tuple(level.shape[1] for level in levels) == net.backbone.widths
    assert pooled.shape == (2, net.backbone.num_features)
    assert net(pixels(inputs)).shape == (2, 4)
    assert len(levels) == {"resnet": 2, "convnext": 4, "vit": 1}[family]
    assert all(layer.training for layer in net.modules())


def test_the_weights_are_the_saved_ones(pretrained: Pretrained) -> None:
    path = pretrained("resnet")
    net = network(path).eval()
    own = transformers.ResNetModel.from_pretrained(path, use_safetensors=True).eval()
    with torch.no_grad():
        x = pixels()
        expected = own(net.preprocess(x)).pooler_output.flatten(1)
        torch.testing.assert_close(net.features(x).pooled, expected)


def test_a_pooler_without_weights_is_replaced_by_the_mean(pretrained: Pretrained) -> None:
    """The classifier was saved without a pooler: a new one would be noise in front of the head."""
    net = network(pretrained("vit")).eval()
    x = pixels()
    with torch.no_grad():
        tokens = net.backbone.model(net.preprocess(x)).last_hidden_state
        torch.testing.assert_close(net.features(x).pooled, tokens.mean(dim=1))
    assert not any("pooler" in key for key in net.state_dict())


def test_the_seed_decides_only_the_head(pretrained: Pretrained) -> None:
    first, other = (network(pretrained("convnext"), seed=seed).state_dict() for seed in (0, 1))
    differ = {key for key in first if not torch.equal(first[key], other[key])}
    assert differ == {"head.weight", "head.bias"}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_trainable_weight_gets_a_gradient(pretrained: Pretrained, family: str) -> None:
    """Several processes would otherwise wait for one another."""
    net = network(pretrained(family))
    net(pixels(rows=4)).square().sum().backward()
    without = [key for key, weight in net.named_parameters() if weight.requires_grad and weight.grad is None]
    assert without == []
    assert any(weight.requires_grad for weight in net.backbone.parameters())


@pytest.mark.parametrize("family", FAMILIES)
def test_an_equal_network_is_made_without_the_folder(
    pretrained: Pretrained, family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = network(pretrained(family)).eval()
    origin = json.loads(json.dumps(net.backbone.origin))
    assert str(pretrained(family)) not in json.dumps(origin)
    monkeypatch.setattr(transformers.AutoConfig, "from_pretrained", None)
    again = rebuild_network(NetworkConfig(), COLOUR, 4, origin).eval()
    again.load_state_dict(net.state_dict())
    x = pixels()
    assert torch.equal(net(x), again(x))


def test_the_last_stage_of_a_resnet_can_be_cloned(pretrained: Pretrained) -> None:
    net = network(pretrained("resnet")).eval()
    levels, pooled = net.features(pixels(rows=1))
    torch.testing.assert_close(net.backbone.pool(net.backbone.clone_last_stage()(levels[-2])), pooled)


def test_branches_begin_with_the_pretrained_last_stage(pretrained: Pretrained) -> None:
    net = network(pretrained("resnet")).eval()
    levels, pooled = net.features(pixels())
    branches = Branches(net.backbone, 3, 2).eval()
    for features in branches(levels[-2], torch.ones(3, 2)).features:
        torch.testing.assert_close(features, pooled)


@pytest.mark.parametrize("family", ["convnext", "vit"])
def test_a_last_stage_that_cannot_be_told_apart_is_refused(pretrained: Pretrained, family: str) -> None:
    with pytest.raises(UnsupportedError, match="last stage"):
        network(pretrained(family)).backbone.last_stage()


@pytest.mark.parametrize("size", [(20, 24), (60, 40), (9, 9)])
@pytest.mark.parametrize(
    ("family", "processor"), [("resnet", "ConvNextImageProcessorPil"), ("vit", "ViTImageProcessorPil")]
)
def test_preprocessing_equals_the_processors_own(family: str, processor: str, size: tuple[int, int]) -> None:
    """Up to the rounding that the processor does after resizing each side, and we do not.

    The pixels are neither black nor white, where it also clips between the two sides.
    """
    own = getattr(transformers, processor)(**PROCESSORS[family])
    inputs = InputSpec("image", (3, *size), [0.0] * 3, [1.0] * 3)
    image = pixels(inputs, 1) // 2 + 64
    expected = own(image[0].permute(1, 2, 0).numpy(), return_tensors="np")["pixel_values"]
    result = HubPreprocess(PROCESSORS[family], inputs)(image).numpy()
    assert result.shape == expected.shape
    np.testing.assert_allclose(result, expected, atol=1.6 / 255 / 0.2)
    assert np.abs(result - expected).mean() < 0.6 / 255 / 0.2


def test_preprocessing_without_resizing_is_exact() -> None:
    processor: dict[str, Any] = {
        "do_resize": False,
        "do_rescale": True,
        "rescale_factor": 1 / 127.5,
        "do_normalize": True,
    }
    processor |= {"image_mean": [1.0] * 3, "image_std": [1.0] * 3}
    result = HubPreprocess(processor, COLOUR)(
        torch.tensor([0, 255]).to(torch.uint8).view(2, 1, 1, 1).expand(2, 3, 20, 24)
    )
    torch.testing.assert_close(result[0], torch.full((3, 20, 24), -1.0))
    torch.testing.assert_close(result[1], torch.full((3, 20, 24), 1.0))


@pytest.mark.parametrize(
    ("processor", "shape", "size", "crop"),
    [
        ({"size": 224}, (50, 100), (224, 224), (224, 224)),
        ({"size": 32, "do_center_crop": True, "crop_size": 28}, (50, 100), (32, 64), (28, 28)),
        ({"size": {"shortest_edge": 32}}, (100, 50), (64, 32), (64, 32)),
        ({"size": {"height": 7, "width": 9}}, (100, 50), (7, 9), (7, 9)),
        ({"size": {"shortest_edge": 224}, "crop_pct": 0.875}, (100, 50), (512, 256), (224, 224)),
        ({"size": {"shortest_edge": 384}, "crop_pct": 0.875}, (100, 50), (384, 384), (384, 384)),
        ({"size": {"shortest_edge": 384}, "do_resize": False}, (100, 50), (100, 50), (100, 50)),
        ({}, (100, 50), (100, 50), (100, 50)),
    ],
)
def test_sizes_of_processors(
    processor: dict[str, Any], shape: tuple[int, int], size: tuple[int, int], crop: tuple[int, int]
) -> None:
    assert resized(processor, *shape) == size
    assert cropped(processor, size) == crop


def test_a_head_on_a_frozen_backbone_learns(pretrained: Pretrained) -> None:
    """Linear probing, by hand."""
    net = network(pretrained("resnet"))
    net.backbone.requires_grad_(False).eval()
    x, y = pixels(rows=16), torch.arange(16) % 4
    optimiser = torch.optim.SGD(net.head.parameters(), lr=0.05)
    losses = []
    for _ in range(30):
        loss = torch.nn.functional.cross_entropy(net(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_features_and_two_channels_are_refused(pretrained: Pretrained) -> None:
    with pytest.raises(UnsupportedError, match="3 channels, not features"):
        network(pretrained("resnet"), InputSpec("features", (4,), [0.0] * 4, [1.0] * 4))
    with pytest.raises(UnsupportedError, match=r"not image of shape \[2, 8, 8\]"):
        network(pretrained("resnet"), InputSpec("image", (2, 8, 8), [0.0] * 2, [1.0] * 2))


def test_what_cannot_be_loaded_is_one_line(pretrained: Pretrained, tmp_path: Path) -> None:
    cases: dict[str, str] = {str(tmp_path / "none"): "no such folder", "": "names no model"}
    for file in ("model.safetensors", "config.json", "preprocessor_config.json"):
        path = tmp_path / file.partition(".")[0]
        shutil.copytree(pretrained("resnet"), path)
        (path / file).unlink()
        cases[str(path)] = "cannot be loaded"
    shutil.copytree(pretrained("resnet"), tmp_path / "torn")
    weights = tmp_path / "torn" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:2000])
    cases[str(tmp_path / "torn")] = "cannot be loaded"
    shutil.copytree(pretrained("resnet"), tmp_path / "no-mean")
    (tmp_path / "no-mean" / "preprocessor_config.json").write_text('{"size": 8}')
    cases[str(tmp_path / "no-mean")] = "image_mean"
    for name, words in cases.items():
        with pytest.raises(UnsupportedError) as caught:
            network(Path(name)) if name.startswith("/") else build_network(
                NetworkConfig(backbone=f"hf:{name}"), COLOUR, 4, 0
            )
        message = str(caught.value)
        assert words in message
        assert name in message
        assert "\n" not in message


def test_pickled_weights_are_not_read(pretrained: Pretrained, tmp_path: Path) -> None:
    path = tmp_path / "pickled"
    shutil.copytree(pretrained("resnet"), path)
    own = transformers.ResNetModel.from_pretrained(path)
    (path / "model.safetensors").unlink()
    torch.save(own.state_dict(), path / "pytorch_model.bin")
    with pytest.raises(UnsupportedError, match="cannot be loaded"):
        network(path)


def test_code_of_a_model_is_never_run(pretrained: Pretrained, tmp_path: Path) -> None:
    path = tmp_path / "with-code"
    shutil.copytree(pretrained("resnet"), path)
    (path / "own.py").write_text("raise SystemExit('this code was run')")
    config = json.loads((path / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.C", "AutoBackbone": "own.B", "AutoModel": "own.M"}}
    (path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UnsupportedError, match="cannot be loaded"):
        network(path)


def test_weights_of_another_model_are_refused(pretrained: Pretrained, tmp_path: Path) -> None:
    path = tmp_path / "mixed"
    shutil.copytree(pretrained("resnet"), path)
    shutil.copy(pretrained("convnext") / "model.safetensors", path)
    with pytest.raises(UnsupportedError, match=r"no weights for \d+ layers|cannot be loaded"):
        network(path)


def test_models_that_read_no_images_are_refused(pretrained: Pretrained, tmp_path: Path) -> None:
    sizes = {
        "hidden_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "intermediate_size": 8,
        "vocab_size": 9,
    }
    transformers.utils.logging.disable_progress_bar()
    transformers.BertModel(transformers.BertConfig(**sizes)).save_pretrained(tmp_path)
    shutil.copy(pretrained("resnet") / "preprocessor_config.json", tmp_path)
    with pytest.raises(UnsupportedError, match="does not take images"):
        network(tmp_path)


def test_without_transformers_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UnsupportedError, match=r"pip install 'softlabel\[hub-backbones\]'"):
        build_network(NetworkConfig(backbone="hf:anything"), COLOUR, 4, 0)


def test_nothing_else_needs_transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert build_network(NetworkConfig(backbone="resnet8"), COLOUR, 4, 0)(pixels()).shape == (2, 4)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the Hub was asked for, on a machine without a connection; loaders may ask for nothing."""
    names: list[str] = []

    def model_info(_: Any, name: str, *, timeout: float) -> None:
        names.append(name)
        if name == "nobody/nothing-here":
            raise RepositoryNotFoundError("no such model", response=httpx_response())
        raise ConnectionError("[Errno -2] Name or service not known")

    monkeypatch.setattr(HfApi, "model_info", model_info)
    return names


def httpx_response() -> Any:
    response = SimpleNamespace(headers={}, request=SimpleNamespace(headers={}), status_code=404, text="")
    return cast(Any, response)


def test_without_a_connection_the_hub_is_asked_once(asked: list[str]) -> None:
    with pytest.raises(UnsupportedError) as raised:
        build_network(NetworkConfig(backbone="hf:microsoft/resnet-18"), COLOUR, 4, 0)
    assert asked == ["microsoft/resnet-18"]
    assert str(raised.value) == (
        "network.backbone: hf:microsoft/resnet-18 is not on this machine, and the Hub cannot be asked for it "
        "([Errno -2] Name or service not known). Where there is a connection: `hf download microsoft/resnet-18 "
        "--local-dir FOLDER`; then take hf:FOLDER here. efficientnet_lite0 needs none"
    )


def test_a_model_that_the_hub_does_not_have(asked: list[str]) -> None:
    with pytest.raises(UnsupportedError, match="the Hub has no such model, and this machine no such folder"):
        build_network(NetworkConfig(backbone="hf:nobody/nothing-here"), COLOUR, 4, 0)
    assert asked == ["nobody/nothing-here"]


def test_what_is_here_already_is_not_asked_for(
    pretrained: Pretrained, asked: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The library's own cache of downloads: a folder of snapshots."""
    snapshot = tmp_path / "models--some--resnet" / "snapshots" / ("0" * 40)
    shutil.copytree(pretrained("resnet"), snapshot)
    (tmp_path / "models--some--resnet" / "refs").mkdir()
    (tmp_path / "models--some--resnet" / "refs" / "main").write_text("0" * 40)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("transformers.utils.hub.constants.HF_HUB_CACHE", str(tmp_path))
    net = build_network(NetworkConfig(backbone="hf:some/resnet"), COLOUR, 4, 0)
    assert net(pixels()).shape == (2, 4)
    assert asked == []
