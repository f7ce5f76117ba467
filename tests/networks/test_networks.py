"""The library's own backbones, and what every network promises."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import nn

from softlabel.errors import ConfigError, UnsupportedError
from softlabel.networks.build import BACKBONES, build_network, rebuild_network
from softlabel.networks.config import NetworkConfig
from softlabel.networks.initialise import initialise
from softlabel.networks.inputs import InputSpec
from softlabel.networks.network import Network
from softlabel.networks.preprocessing import Standardise
from softlabel.networks.resnet import Block, ResNet

IMAGES = InputSpec("image", (3, 8, 8), [0.4, 0.5, 0.6], [0.2, 0.3, 0.1])
FEATURES = InputSpec("features", (5,), [1.0, -2.0, 0.0, 3.0, 100.0], [1.0, 2.0, 0.0, 0.5, 10.0])
PAIRS = [*((name, IMAGES) for name in BACKBONES), ("mlp", FEATURES), ("auto", IMAGES), ("auto", FEATURES)]
pairs = pytest.mark.parametrize(("name", "inputs"), PAIRS, ids=lambda value: getattr(value, "kind", value))


def network(name: str = "auto", inputs: InputSpec = IMAGES, outputs: int = 4, seed: int = 0, **options: Any) -> Network:
    return build_network(NetworkConfig(backbone=name, **options), inputs, outputs, seed)


def samples(inputs: InputSpec, rows: int = 3) -> torch.Tensor:
    if inputs.kind == "image":
        return torch.randint(0, 256, (rows, *inputs.shape), dtype=torch.uint8)
    return torch.randn(rows, *inputs.shape) * 10


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("name", "exact", "paper"), [("resnet20", 269722, 0.27), ("resnet32", 464154, 0.46), ("resnet56", 853018, 0.85)]
)
def test_parameters_are_those_of_the_paper(name: str, exact: int, paper: float) -> None:
    """He et al. 2016, table 6: 0.27M, 0.46M and 0.85M for CIFAR-10."""
    parameters = count(network(name, InputSpec("image", (3, 32, 32), [0.5] * 3, [0.2] * 3), outputs=10))
    assert parameters == exact
    assert round(parameters / 1e6, 2) == paper


@pairs
def test_a_pyramid_has_the_promised_widths(name: str, inputs: InputSpec) -> None:
    net = network(name, inputs)
    levels, pooled = net.features(samples(inputs))
    assert tuple(level.shape[1] for level in levels) == net.backbone.widths
    assert {level.ndim for level in levels} == {4 if net.backbone.spatial else 2}
    assert pooled.shape == (3, net.backbone.num_features)
    assert net(samples(inputs)).shape == (3, 4)


@pairs
def test_the_last_stage_leads_from_the_level_before_to_the_logits(name: str, inputs: InputSpec) -> None:
    net = network(name, inputs).eval()
    x = samples(inputs)
    levels, pooled = net.features(x)
    before = levels[-2] if len(levels) > 1 else net.preprocess(x)
    again = net.backbone.pool(net.backbone.clone_last_stage()(before))
    torch.testing.assert_close(again, pooled)
    torch.testing.assert_close(net.classify(again), net(x))


def test_a_single_hidden_layer_is_a_stage_of_the_standardised_inputs() -> None:
    net = network("mlp", IMAGES, hidden=[7])
    x = samples(IMAGES)
    torch.testing.assert_close(net.backbone.last_stage()(net.preprocess(x)), net.features(x).pooled)


@pairs
def test_a_clone_has_weights_of_its_own_and_can_forget(name: str, inputs: InputSpec) -> None:
    net = network(name, inputs)
    stage, clone = net.backbone.last_stage(), net.backbone.clone_last_stage()
    before = copy.deepcopy(stage.state_dict())
    for parameter, other in zip(stage.parameters(), clone.parameters(), strict=True):
        assert parameter is not other
        torch.testing.assert_close(parameter, other, rtol=0, atol=0)
    initialise(clone)
    for parameter, other in zip(stage.parameters(), clone.parameters(), strict=True):
        if parameter.ndim > 1:
            assert not torch.equal(parameter, other)
    for key, value in stage.state_dict().items():
        assert torch.equal(value, before[key])


@pairs
def test_the_seed_alone_decides_the_weights(name: str, inputs: InputSpec) -> None:
    state = torch.get_rng_state()
    first = network(name, inputs, seed=3).state_dict()
    assert torch.equal(state, torch.get_rng_state())
    torch.rand(7)
    same, other = network(name, inputs, seed=3).state_dict(), network(name, inputs, seed=4).state_dict()
    assert all(torch.equal(first[key], same[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


@pairs
def test_every_parameter_gets_a_gradient(name: str, inputs: InputSpec) -> None:
    net = network(name, inputs)
    net(samples(inputs, 8)).square().sum().backward()
    for key, parameter in net.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.abs().sum() > 0, key


def test_he_initialisation_has_variance_two_over_fan_in() -> None:
    net = network("resnet32", IMAGES)
    for layer in net.backbone.modules():
        if isinstance(layer, nn.Conv2d) and layer.weight.numel() > 2000:
            fan_in = layer.weight[0].numel()
            assert layer.weight.var().item() == pytest.approx(2 / fan_in, rel=0.15)


def test_initialise_returns_norms_to_the_identity() -> None:
    part = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.LayerNorm(3))
    for parameter in part.parameters():
        nn.init.constant_(parameter, 5.0)
    part(torch.randn(4, 2))
    initialise(part)
    assert torch.equal(part[1].weight, torch.ones(3))
    assert torch.equal(part[1].running_mean, torch.zeros(3))
    assert torch.equal(part[2].bias, torch.zeros(3))
    assert torch.equal(part[0].bias, torch.zeros(3))


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (7, 9), (5, 12)])
def test_shortcuts_fit_images_of_every_size(size: tuple[int, int]) -> None:
    net = network("resnet8", InputSpec("image", (1, *size), [0.5], [0.2])).eval()
    x = torch.zeros(2, 1, *size, dtype=torch.uint8)
    shapes = [tuple(level.shape[2:]) for level in net.features(x).levels]
    halved = [tuple(-(-length // 2) for length in shape) for shape in shapes[:-1]]
    assert shapes[0] == size
    assert shapes[1:] == halved


def test_option_a_takes_every_second_pixel_and_adds_zero_channels() -> None:
    x = torch.randn(2, 16, 5, 6)
    shortcut = Block(16, 32, stride=2).shortcut(x).numpy()
    expected = np.zeros((2, 32, 3, 3), dtype=np.float32)
    expected[:, 8:24] = x.numpy()[:, :, ::2, ::2]
    np.testing.assert_array_equal(shortcut, expected)
    plain = Block(16, 16, stride=1)
    assert plain.shortcut(x) is x
    assert count(Block(16, 32, 2).conv1) + count(Block(16, 32, 2).conv2) == 9 * (16 * 32 + 32 * 32)


def test_depth_is_six_blocks_and_two() -> None:
    for name, depth in (("resnet8", 8), ("resnet20", 20), ("resnet32", 32), ("resnet56", 56)):
        layers = [layer for layer in network(name).modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
        assert len(layers) == depth


@settings(max_examples=20)
@given(st.data())
def test_standardise_equals_the_formula_in_double_precision(data: st.DataObject) -> None:
    channels = data.draw(st.integers(1, 4))
    mean = data.draw(st.lists(st.floats(-2, 2), min_size=channels, max_size=channels))
    std = data.draw(st.lists(st.sampled_from([0.0, 0.1, 0.25, 3.0]), min_size=channels, max_size=channels))
    images = torch.randint(0, 256, (2, channels, 3, 2), dtype=torch.uint8)
    divisor = np.where(np.array(std) > 0, std, 1.0)
    layout = (1, channels, 1, 1)
    expected = (images.numpy() / 255.0 - np.reshape(mean, layout)) / divisor.reshape(layout)
    result = Standardise(InputSpec("image", (channels, 3, 2), mean, std))(images)
    assert result.dtype == torch.float32
    np.testing.assert_allclose(result.numpy(), expected, rtol=1e-5, atol=1e-5)


def test_standardise_features_and_leave_constants_centred() -> None:
    x = torch.tensor([[2.0, 0.0, 7.0, 3.0, 110.0]])
    np.testing.assert_allclose(Standardise(FEATURES)(x).numpy(), [[1.0, 1.0, 7.0, 0.0, 1.0]], rtol=1e-6, atol=1e-6)


def test_pixels_mean_the_same_as_bytes_and_as_floats() -> None:
    net = network("resnet8").eval()
    x = samples(IMAGES)
    assert torch.equal(net(x), net(x.float()))


def test_channels_last_inputs_stay_channels_last() -> None:
    x = samples(IMAGES).contiguous(memory_format=torch.channels_last)
    assert Standardise(IMAGES)(x).is_contiguous(memory_format=torch.channels_last)


def test_nothing_but_what_is_learned_is_saved() -> None:
    assert {key.split(".")[0] for key in network().state_dict()} == {"backbone", "head"}


def test_rebuilding_takes_saved_weights() -> None:
    net = network("resnet8", seed=5).eval()
    again = rebuild_network(NetworkConfig(backbone="resnet8"), IMAGES, 4, origin=None).eval()
    again.load_state_dict(net.state_dict())
    x = samples(IMAGES)
    assert torch.equal(net(x), again(x))


def test_auto_is_a_small_resnet_for_images_and_an_mlp_for_features() -> None:
    assert isinstance(network("auto", IMAGES).backbone, ResNet)
    assert count(network("auto", IMAGES)) == count(network("resnet8", IMAGES))
    assert network("auto", FEATURES, hidden=[6, 7]).backbone.widths == (6, 7)


@pytest.mark.parametrize(
    ("name", "inputs", "error", "words"),
    [
        ("resnt20", IMAGES, ConfigError, ["'resnt20'", "did you mean resnet20?"]),
        ("", IMAGES, ConfigError, ["''", "there are auto"]),
        ("resnet32", FEATURES, UnsupportedError, ["resnet32 needs images", "5 features", "mlp"]),
    ],
)
def test_refusals(name: str, inputs: InputSpec, error: type[Exception], words: list[str]) -> None:
    with pytest.raises(error) as caught:
        network(name, inputs)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "sound"},
        {"shape": [8, 8]},
        {"shape": [3, 0, 8]},
        {"mean": [0.5]},
        {"std": [0.1, float("nan"), 0.1]},
        {"std": [0.1, -0.1, 0.1]},
        {"mean": None},
        {"shape": "abc"},
    ],
)
def test_contradicting_inputs_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="inputs"):
        InputSpec.from_json(IMAGES.to_json() | fields)


def test_inputs_survive_json() -> None:
    assert InputSpec.from_json(FEATURES.to_json()) == FEATURES
    assert InputSpec.from_json(IMAGES.to_json()) == IMAGES
    with pytest.raises(ConfigError, match="inputs"):
        InputSpec.from_json({"kind": "image"})


@pytest.mark.parametrize("hidden", [[], [4, 0], [-1]])
def test_an_mlp_without_width_is_refused(hidden: list[int]) -> None:
    with pytest.raises(ValidationError, match="hidden"):
        NetworkConfig(hidden=hidden)
