"""A folded network answers as the one that it was made of."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from softlabel.networks.efficientnet_lite import EfficientNetLite0
from softlabel.networks.folded import folded


def _with_statistics(module: nn.Module) -> nn.Module:
    """Batch-norms as after a training: no identity."""
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.running_mean, -1, 1)
            nn.init.uniform_(layer.running_var, 0.5, 2)
            nn.init.uniform_(layer.weight, 0.5, 2)
            nn.init.uniform_(layer.bias, -1, 1)
    return module


@pytest.mark.parametrize("size", [33, 64])
def test_outputs_are_equal_up_to_rounding(size: int) -> None:
    torch.manual_seed(0)
    network = _with_statistics(EfficientNetLite0().double()).eval()
    images = torch.randn(2, 3, size, size, dtype=torch.float64)
    quick = folded(network)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in quick.modules())
    torch.testing.assert_close(quick(images).pooled, network(images).pooled)


def test_the_network_itself_stays_as_it_is() -> None:
    network = _with_statistics(nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU()))
    before = copy.deepcopy(network.state_dict())
    folded(network)
    assert network.training
    assert len(network) == 3
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize(
    "layers",
    [
        nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, track_running_stats=False)),
        nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 1)),
        nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.BatchNorm2d(4)),
    ],
)
def test_other_neighbours_are_left_alone(layers: nn.Sequential) -> None:
    network = layers.eval()
    images = torch.randn(2, 3, 5, 5)
    torch.testing.assert_close(folded(network)(images), network(images))
    assert len(folded(network)) == len(network)


def test_named_layers_and_affine_less_norms() -> None:
    layers = nn.Sequential()
    layers.add_module("conv", nn.Conv2d(3, 4, 3))
    layers.add_module("norm", nn.BatchNorm2d(4, affine=False))
    layers.add_module("act", nn.ReLU())
    nn.init.uniform_(layers.norm.running_mean)
    images = torch.randn(2, 3, 5, 5)
    quick = folded(layers.eval())
    assert [name for name, _ in quick.named_children()] == ["conv", "act"]
    torch.testing.assert_close(quick(images), layers(images))
