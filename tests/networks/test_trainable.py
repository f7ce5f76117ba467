"""What of a network moves: all, the last stage and the head, or the head alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from softlabel.errors import UnsupportedError
from softlabel.networks.adapter import adapt
from softlabel.networks.build import build_network
from softlabel.networks.config import NetworkConfig
from softlabel.networks.inputs import InputSpec
from softlabel.networks.network import Network
from softlabel.networks.trainable import frozen_parts

IMAGES = InputSpec("image", (3, 8, 8), [0.5] * 3, [0.2] * 3)


def moving(network: Network, trainable: str) -> set[str]:
    config = NetworkConfig.model_validate({"trainable": trainable})
    for name in frozen_parts(config, network):
        network.get_submodule(name).requires_grad_(False)
    return {name for name, parameter in network.named_parameters() if parameter.requires_grad}


@pytest.mark.parametrize("backbone", ["resnet8", "efficientnet_lite0"])
def test_the_parts_that_move(backbone: str) -> None:
    def network() -> Network:
        return build_network(NetworkConfig(backbone=backbone), IMAGES, 4, seed=0)

    every = {name for name, _ in network().named_parameters()}
    last = len(network().backbone.widths) - 1
    assert moving(network(), "all") == every
    assert moving(network(), "head") == {"head.weight", "head.bias"}
    stage = {name for name in every if name.startswith(f"backbone.stages.{last}.")}
    assert moving(network(), "last") == {"head.weight", "head.bias", *stage}


def test_a_last_stage_that_cannot_be_told_apart_is_refused() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64, 4), nn.Linear(4, 2))
    network = adapt(module, IMAGES)
    assert moving(network, "head") == {"head.weight", "head.bias"}
    with pytest.raises(UnsupportedError, match=r"network\.trainable: 'last' is not possible here: the last stage"):
        frozen_parts(NetworkConfig(trainable="last"), network)
    assert torch.is_tensor(network(torch.zeros(1, 3, 8, 8)))
