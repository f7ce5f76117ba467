"""Which parts of a network do not move in training: bit-identical before and after."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from softlabel.errors import UnsupportedError
from softlabel.networks.config import NetworkConfig
from softlabel.networks.network import Backbone, Network


def frozen_parts(config: NetworkConfig, network: Network) -> tuple[str, ...]:
    """Dotted names of the parts that the configuration holds still.

    Raises UnsupportedError where only the last stage is to be trained, and the backbone has none of its own.
    """
    if config.trainable == "all":
        return ()
    if config.trainable == "head":
        return ("backbone",)
    return tuple(f"backbone.{name}" for name in _all_but(network.backbone, _last_stage(network.backbone)))


def _last_stage(backbone: Backbone) -> nn.Module:
    try:
        return backbone.last_stage()
    except UnsupportedError as error:
        raise UnsupportedError(f"network.trainable: 'last' is not possible here: {error}") from None


def _all_but(module: nn.Module, kept: nn.Module) -> Iterator[str]:
    """Names of the largest parts of a module that have nothing of `kept` in them."""
    for name, child in module.named_children():
        if child is kept:
            continue
        if any(part is kept for part in child.modules()):
            yield from (f"{name}.{inner}" for inner in _all_but(child, kept))
        else:
            yield name
