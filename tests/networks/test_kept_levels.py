"""Rows that a frozen part made enter a network in place of images, and nothing of the answer changes."""

from __future__ import annotations

from typing import Literal

import pytest
import torch

from softlabel.errors import UnsupportedError
from softlabel.networks.build import build_network
from softlabel.networks.config import NetworkConfig
from softlabel.networks.inputs import InputSpec
from softlabel.networks.kept_levels import FeatureLevels, entry_for
from softlabel.networks.network import Network

IMAGES = InputSpec("image", (3, 8, 8), [0.5] * 3, [0.2] * 3)
FORMS: list[tuple[Literal["head", "last"], FeatureLevels, int]] = [
    ("head", "pooled", 64),
    ("head", "last", 32 * 4 * 4),
    ("head", "pyramid", 16 * 8 * 8 + 32 * 4 * 4),
    ("last", "pooled", 32 * 4 * 4),
    ("head", 2, 32 * 4 * 4),
    ("last", 9, 16 * 8 * 8 + 32 * 4 * 4),
    ("last", "pyramid", 16 * 8 * 8 + 32 * 4 * 4),
]


def network_with(trainable: Literal["all", "last", "head"], levels: FeatureLevels) -> Network:
    config = NetworkConfig(backbone="resnet8", trainable=trainable)
    network = build_network(config, IMAGES, 4, seed=0).eval()
    network.entry = entry_for(config, network, IMAGES, levels)
    return network


@pytest.mark.parametrize(("trainable", "levels", "size"), FORMS)
def test_the_pyramid_above_an_entry_is_the_whole_one(
    trainable: Literal["head", "last"], levels: FeatureLevels, size: int
) -> None:
    network = network_with(trainable, levels)
    images = torch.randint(0, 256, (5, 3, 8, 8), dtype=torch.uint8)
    with torch.no_grad():
        whole = network.features(images)
        assert network.entry is not None
        rows = network.entry.rows(network, images)
        assert rows.shape == (5, size)
        again = network.features(rows)
        assert torch.equal(again.pooled, whole.pooled)
        assert torch.equal(network(rows), network(images))
    for back in range(1, len(again.levels) + 1):
        assert torch.equal(again.levels[-back], whole.levels[-back])
    counts = {"pooled": 2 if trainable == "last" else 0, "last": 2, "pyramid": 3, 2: 2, 9: 3}
    assert len(again.levels) == counts[levels]


def test_levels_that_are_not_kept_are_refused_and_not_made_up() -> None:
    for trainable in ("head", "last"):
        network = network_with(trainable, "pooled")
        assert network.entry is not None
        levels = network.features(torch.rand(2, network.entry.size)).levels
        for place in (0, -3):
            with pytest.raises(UnsupportedError, match="must say feature_levels = 'pyramid'"):
                levels[place]
        with pytest.raises(UnsupportedError, match="must say feature_levels = 'pyramid'"):
            list(levels)


def test_there_is_no_entry_where_nothing_is_frozen() -> None:
    assert network_with("all", "pooled").entry is None
    features = InputSpec("features", (4,), [0.0] * 4, [1.0] * 4)
    config = NetworkConfig(trainable="head")
    network = build_network(config, features, 3, seed=0)
    assert entry_for(config, network, features, "pooled") is None
