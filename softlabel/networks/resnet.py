"""The CIFAR ResNets (He et al., CVPR 2016, section 4.2): three stages of n blocks with 16, 32 and 64 channels.

Depth 6n + 2; shortcuts without parameters (option A): every second pixel, and zeros for the channels that are new.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from softlabel.networks.initialise import initialise
from softlabel.networks.network import Backbone, Pyramid

WIDTHS = (16, 32, 64)


class Block(nn.Module):
    """Two 3×3 convolutions with batch-norm, and the shortcut around them."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.stride = stride
        self.new_channels = width - channels

    def forward(self, x: Tensor) -> Tensor:
        inner = F.relu(self.norm1(self.conv1(x)), inplace=True)
        return F.relu(self.norm2(self.conv2(inner)) + self.shortcut(x), inplace=True)

    def shortcut(self, x: Tensor) -> Tensor:
        """Option A: (N, C, H, W) -> (N, width, ceil(H / stride), ceil(W / stride)), half the zeros on either side."""
        if self.stride == 1 and self.new_channels == 0:
            return x
        before = self.new_channels // 2
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, before, self.new_channels - before))


class ResNet(Backbone):
    """Images (N, C, H, W), standardised -> levels of 16, 32 and 64 channels at full, half and quarter size."""

    widths = WIDTHS
    num_features = WIDTHS[-1]
    spatial = True

    def __init__(self, channels: int, blocks: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(channels, WIDTHS[0], 3, padding=1, bias=False), nn.BatchNorm2d(WIDTHS[0]), nn.ReLU(inplace=True)
        )
        entries = (WIDTHS[0], *WIDTHS[:-1])
        self.stages = nn.ModuleList(
            nn.Sequential(*(Block(width if n else entry, width, 1 if n else stride) for n in range(blocks)))
            for entry, width, stride in zip(entries, WIDTHS, (1, 2, 2), strict=True)
        )
        initialise(self)

    def forward(self, inputs: Tensor) -> Pyramid:
        levels = []
        x = self.stem(inputs)
        for stage in self.stages:
            x = stage(x)
            levels.append(x)
        return Pyramid(tuple(levels), self.pool(x))

    def last_stage(self) -> nn.Module:
        return self.stages[-1]
