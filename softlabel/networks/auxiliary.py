"""The auxiliary network of DaSL: fuses a backbone's pyramid in both directions and classifies.

DaSL (Wang et al., Neural Networks 2022) publishes its interface, [F_1 .. F_B] -> [FA_1 .. FA_B] and logits; its layers
are inferred here: the bidirectional pyramid of FRSKD (Ji et al., CVPR 2021, section 3.1), which has that interface.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from softlabel.networks.initialise import initialise


class AuxiliaryNetwork(nn.Module):
    """Levels (N, C_b, H_b, W_b), finest first -> fused levels (N, width · C_b, H_b, W_b) and logits (N, K).

    width   channels of a fused level over those of the backbone's
    depth   depthwise-separable convolutions per fusion
    """

    def __init__(self, channels: Sequence[int], num_classes: int, width: float = 1.0, depth: int = 1) -> None:
        super().__init__()
        widths = [max(1, round(width * count)) for count in channels]
        pairs = list(zip(channels, widths, strict=True))
        self.down_lateral = nn.ModuleList(_lateral(count, wide) for count, wide in pairs)
        self.up_lateral = nn.ModuleList(_lateral(count, wide) for count, wide in pairs[1:])
        self.widen = nn.ModuleList(_lateral(coarse, fine) for fine, coarse in pairwise(widths))
        self.deepen = nn.ModuleList(_lateral(fine, coarse) for fine, coarse in pairwise(widths))
        self.down = nn.ModuleList(Fusion(2, wide, depth) for wide in widths[:-1])
        self.up = nn.ModuleList(
            Fusion(3 if level + 1 < len(widths) - 1 else 2, wide, depth) for level, wide in enumerate(widths[1:])
        )
        self.head = nn.Linear(widths[-1], num_classes)
        initialise(self)

    def forward(self, levels: Sequence[Tensor]) -> tuple[list[Tensor], Tensor]:
        rectified = [F.relu(level) for level in levels]
        top_down = self.top_down(rectified)
        fused = [top_down[0]]
        for level, fusion in enumerate(self.up):
            finer = F.max_pool2d(F.relu(fused[-1]), 3, stride=_stride(fused[-1], levels[level + 1]), padding=1)
            parts = [self.up_lateral[level](rectified[level + 1]), self.deepen[level](finer)]
            if level + 1 < len(levels) - 1:  # the coarsest level has no sum from above
                parts.append(top_down[level + 1])
            fused.append(fusion(parts))
        fused = [F.relu(each) for each in fused]
        return fused, self.head(fused[-1].mean((2, 3)))

    def top_down(self, rectified: Sequence[Tensor]) -> list[Tensor]:
        """Each level with what the coarser ones see, finest first."""
        lateral = [layer(level) for layer, level in zip(self.down_lateral, rectified, strict=True)]
        found = [lateral[-1]]
        for level in reversed(range(len(lateral) - 1)):
            coarser = self.widen[level](F.relu(found[0]))
            coarser = F.interpolate(coarser, size=lateral[level].shape[-2:], mode="nearest")
            found.insert(0, self.down[level]([lateral[level], coarser]))
        return found


class Fusion(nn.Module):
    """A weighted mean of maps of one shape (weights not negative, adding up to less than 1), then convolutions."""

    def __init__(self, num_parts: int, channels: int, depth: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.ones(num_parts))
        self.convolve = nn.Sequential(*(_separable(channels) for _ in range(depth)))

    def shares(self) -> Tensor:
        """The weights as they count, (num_parts,)."""
        kept = F.relu(self.weights)
        return kept / (kept.sum() + 1e-6)

    def forward(self, parts: Sequence[Tensor]) -> Tensor:
        shares = self.shares().unbind()
        total = shares[0] * F.relu(parts[0])
        for share, part in zip(shares[1:], parts[1:], strict=True):
            total = total + share * F.relu(part)
        fused: Tensor = self.convolve(total)
        return fused


def _lateral(channels: int, width: int) -> nn.Module:
    """A pointwise convolution with batch-norm."""
    return nn.Sequential(nn.Conv2d(channels, width, 1, bias=False), nn.BatchNorm2d(width))


def _separable(channels: int) -> nn.Module:
    """A depthwise 3×3 and a pointwise convolution with batch-norm."""
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
    )


def _stride(fine: Tensor, coarse: Tensor) -> tuple[int, int]:
    """The stride of a pooling that leads from one level's size to the next one's."""
    return -(-fine.shape[-2] // coarse.shape[-2]), -(-fine.shape[-1] // coarse.shape[-1])
