"""EfficientNet-Lite0 (Tan and Le, ICML 2019, in its 2020 form for mobile devices): ReLU6, no squeeze-and-excitation.

Padding is that of TensorFlow, by which its published weights were trained: where an odd number of pixels has to be
added, the extra one is at the bottom and at the right.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from softlabel.networks.initialise import initialise
from softlabel.networks.network import Backbone, Pyramid

STEM_WIDTH, NUM_FEATURES = 32, 1280
EPSILON, MOMENTUM = 1e-3, 0.01


class Group(NamedTuple):
    """Blocks of one width, of which the first one has the stride."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    width: int


STAGES = (
    (Group(1, 3, 1, 1, 16),),
    (Group(2, 3, 2, 6, 24),),
    (Group(2, 5, 2, 6, 40),),
    (Group(3, 3, 2, 6, 80), Group(3, 5, 1, 6, 112)),
    (Group(4, 5, 2, 6, 192), Group(1, 3, 1, 6, 320)),
)


class SameConvolution(nn.Conv2d):
    """A convolution (N, C, H, W) -> (N, width, ceil(H / stride), ceil(W / stride)), padded as by TensorFlow."""

    def __init__(self, channels: int, width: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(channels, width, kernel, stride, padding=0, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        down, right = (_added(length, kernel, stride) for length in x.shape[-2:])
        if down % 2 == right % 2 == 0:
            return F.conv2d(x, self.weight, self.bias, self.stride, (down // 2, right // 2), 1, self.groups)
        padded = F.pad(x, (right // 2, right - right // 2, down // 2, down - down // 2))
        return F.conv2d(padded, self.weight, self.bias, self.stride, 0, 1, self.groups)


class NormedConvolution(nn.Sequential):
    """A convolution, batch-norm, and ReLU6 unless it is `linear`."""

    def __init__(
        self, channels: int, width: int, kernel: int, stride: int = 1, groups: int = 1, *, linear: bool = False
    ) -> None:
        layers: list[nn.Module] = [
            SameConvolution(channels, width, kernel, stride, groups),
            nn.BatchNorm2d(width, eps=EPSILON, momentum=MOMENTUM),
        ]
        super().__init__(*layers, *([] if linear else [nn.ReLU6(inplace=True)]))


class InvertedBottleneck(nn.Module):
    """Widen, convolve each channel by itself, narrow; a shortcut where the shape stays (MobileNetV2, figure 4d)."""

    def __init__(self, channels: int, width: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = channels * expansion
        widen = [NormedConvolution(channels, inner, 1)] if expansion > 1 else []
        self.layers = nn.Sequential(
            *widen,
            NormedConvolution(inner, inner, kernel, stride, groups=inner),
            NormedConvolution(inner, width, 1, linear=True),
        )
        self.adds = stride == 1 and channels == width

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = self.layers(x)
        return x + changed if self.adds else changed


class EfficientNetLite0(Backbone):
    """Standardised images (N, 3, H, W) -> five levels, at 1/2 to 1/32 of their size; the last one has 1,280 channels.

    Source: Tan and Le, ICML 2019, table 1, without squeeze-and-excitation and with ReLU6 (the "lite" form).
    """

    widths = (*(stage[-1].width for stage in STAGES[:-1]), NUM_FEATURES)
    num_features = NUM_FEATURES
    spatial = True

    def __init__(self) -> None:
        super().__init__()
        self.stem = NormedConvolution(3, STEM_WIDTH, 3, 2)
        entries = (STEM_WIDTH, *self.widths[:-1])
        self.stages = nn.ModuleList(
            nn.Sequential(*_blocks(entry, groups), *_widened(last=groups is STAGES[-1]))
            for entry, groups in zip(entries, STAGES, strict=True)
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


def _added(length: int, kernel: int, stride: int) -> int:
    """Pixels by which a side is padded, so that its length is divided by the stride and rounded up."""
    return max((-(-length // stride) - 1) * stride + kernel - length, 0)


def _widened(*, last: bool) -> list[nn.Module]:
    """What comes behind the blocks of the last stage."""
    return [NormedConvolution(STAGES[-1][-1].width, NUM_FEATURES, 1)] if last else []


def _blocks(channels: int, groups: tuple[Group, ...]) -> list[nn.Module]:
    blocks: list[nn.Module] = []
    for group in groups:
        for number in range(group.repeats):
            stride = 1 if number else group.stride
            blocks.append(InvertedBottleneck(channels, group.width, group.kernel, stride, group.expansion))
            channels = group.width
    return blocks
