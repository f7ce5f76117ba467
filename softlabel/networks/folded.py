"""A network for one purpose: to answer quickly, never to be trained."""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import Any, TypeVar, cast

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

Module = TypeVar("Module", bound=nn.Module)


def folded(module: Module) -> Module:
    """A copy in evaluation mode, each batch-norm folded into the convolution before it, its memory channels-last.

    Only neighbours in a torch.nn.Sequential are folded: of others the order of computation is not known. Outputs are
    equal up to rounding.
    Source: Jacob et al., CVPR 2018, section 3.2.

    >>> from torch import nn
    >>> len(folded(nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU())))
    2
    """
    copied = copy.deepcopy(module).eval()
    for part in copied.modules():
        if isinstance(part, nn.Sequential):
            _fold(part)
    return cast(Module, cast(Any, copied).to(memory_format=torch.channels_last))


def _fold(layers: nn.Sequential) -> None:
    children = dict(layers.named_children())
    for (name, layer), (following, norm) in pairwise(children.items()):
        if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None:
            setattr(layers, name, fuse_conv_bn_eval(layer, norm))
            delattr(layers, following)
