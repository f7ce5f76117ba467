"""A small encoder-decoder for a class per pixel, in the manner of U-Net (Ronneberger et al., MICCAI 2015)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from softlabel.errors import UnsupportedError
from softlabel.networks.initialise import initialise
from softlabel.networks.network import Backbone, Pyramid

WIDTHS = (16, 32, 64, 128)


class EncoderDecoder(Backbone):
    """Standardised images (N, C, H, W) of any size -> one level per halving, and features of every pixel.

    What the head classifies, `pooled`, is a map (N, num_features, H, W): nothing is pooled. Each step of the decoder
    sees the encoder's map of its own size as well, or borders would be as coarse as the last level.
    """

    spatial = True

    def __init__(self, channels: int, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.num_features = widths[0]
        entries = (channels, *widths[:-1])
        self.down = nn.ModuleList(_block(entry, width) for entry, width in zip(entries, widths, strict=True))
        self.up = nn.ModuleList(_block(coarse + fine, fine) for fine, coarse in itertools.pairwise(widths))
        initialise(self)

    def forward(self, inputs: Tensor) -> Pyramid:
        height, width = inputs.shape[-2:]
        step = 2 ** (len(self.down) - 1)
        levels: list[Tensor] = []
        x = F.pad(inputs, (0, -width % step, 0, -height % step))
        for stage in self.down:
            x = stage(F.max_pool2d(x, 2) if levels else x)
            levels.append(x)
        for stage, fine in zip(reversed(self.up), reversed(levels[:-1]), strict=True):
            x = stage(torch.cat([F.interpolate(x, scale_factor=2.0), fine], 1))
        return Pyramid(tuple(levels), x[..., :height, :width])

    def last_stage(self) -> nn.Module:
        raise UnsupportedError("an encoder-decoder has no last stage of its own: the decoder sees every level")

    def pool(self, level: Tensor) -> Tensor:
        raise UnsupportedError("an encoder-decoder pools nothing: it has features of every pixel")


def _block(entry: int, width: int) -> nn.Module:
    layers: list[nn.Module] = []
    for channels in (entry, width):
        layers += [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
