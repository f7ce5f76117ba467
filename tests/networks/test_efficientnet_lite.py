"""EfficientNet-Lite0 beside the reference network, its levels, and the frozen-part names."""

from __future__ import annotations

import importlib.util

import pytest
import torch
from torch import nn

from softlabel.networks.efficientnet_lite import EfficientNetLite0, SameConvolution
from softlabel.networks.published_weights import FILE, PACKAGE, pretrained_efficientnet_lite0


@pytest.fixture(scope="module")
def backbone() -> EfficientNetLite0:
    return pretrained_efficientnet_lite0().eval()


@pytest.mark.parametrize("size", [224, 97, 50])
@torch.no_grad()
def test_it_is_the_reference_network(backbone: EfficientNetLite0, size: int) -> None:
    reference = pytest.importorskip("efficientnet_lite_pytorch", reason="the reference network is not installed")
    found = importlib.util.find_spec(PACKAGE)
    assert found is not None
    assert found.submodule_search_locations is not None
    weights = f"{found.submodule_search_locations[0]}/{FILE}"
    theirs = reference.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights, image_size=size).eval()
    images = torch.randn(2, 3, size, size)
    maps = theirs.extract_features(images)
    levels, pooled = backbone(images)
    torch.testing.assert_close(levels[-1], maps, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(pooled, maps.mean((2, 3)), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_five_levels_at_halves_of_the_size_and_a_last_stage(backbone: EfficientNetLite0) -> None:
    levels, pooled = backbone(torch.randn(1, 3, 65, 96))
    assert [tuple(level.shape[1:]) for level in levels] == [
        (16, 33, 48),
        (24, 17, 24),
        (40, 9, 12),
        (112, 5, 6),
        (1280, 3, 3),
    ]
    assert tuple(level.shape[1] for level in levels) == backbone.widths
    assert torch.equal(backbone.pool(backbone.last_stage()(levels[-2])), pooled)


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("length", [1, 7, 8])
def test_a_stride_rounds_up_and_an_odd_pixel_is_added_behind(kernel: int, length: int) -> None:
    layer = SameConvolution(1, 1, kernel, 2)
    nn.init.ones_(layer.weight)
    image = torch.randn(1, 1, length, length)
    added = max((-(-length // 2) - 1) * 2 + kernel - length, 0)
    before, behind = added // 2, added - added // 2
    padded = nn.functional.pad(image, (before, behind, before, behind))
    torch.testing.assert_close(layer(image), nn.functional.conv2d(padded, layer.weight, None, 2))
    assert layer(image).shape[-1] == -(-length // 2)
