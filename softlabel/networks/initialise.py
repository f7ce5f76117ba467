"""Initialisation (He et al., ICCV 2015, equation 10): variance 2 / fan-in in front of a rectifier."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _NormBase


def initialise(module: nn.Module) -> None:
    """Draw all weights of a part anew, in place; normalisation layers return to the identity."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, _NormBase | nn.LayerNorm | nn.GroupNorm):
            layer.reset_parameters()
