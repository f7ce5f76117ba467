"""Where samples enter a network whose first part is frozen: what it makes of them can be kept, and used again."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from softlabel.errors import UnsupportedError
from softlabel.networks.adapter import continues, example, probing
from softlabel.networks.config import NetworkConfig
from softlabel.networks.inputs import InputSpec
from softlabel.networks.network import Network, Pyramid

FeatureLevels = Literal["pooled", "last", "pyramid"] | int
"""What is read of a pyramid: pooled features, also the level before the last stage, every level, or so many of the
coarsest ones."""


@dataclass(frozen=True)
class KeptLevels:
    """The levels that are kept of each sample, flattened side by side; without any, its pooled features are.

    first    the first level that is kept
    shapes   (C, H, W) of each, or () for the pooled features (D,)
    size     numbers a sample
    """

    first: int
    shapes: tuple[tuple[int, ...], ...]
    size: int

    def rows(self, network: Network, inputs: Tensor) -> Tensor:
        """What is kept of raw inputs (N, C, H, W): (N, size)."""
        levels, pooled = network.backbone(network.preprocess(inputs))
        if not self.shapes:
            return pooled  # type: ignore[no-any-return]
        kept = levels[self.first : self.first + len(self.shapes)]
        return torch.cat([level.flatten(1) for level in kept], 1)

    def pyramid(self, network: Network, rows: Tensor) -> Pyramid:
        """The pyramid above kept rows (N, size); levels that are not kept cannot be read."""
        if not self.shapes:
            return Pyramid(NotKept(), rows)
        parts = torch.split(rows, [math.prod(shape) for shape in self.shapes], 1)
        levels = [part.reshape(-1, *shape) for part, shape in zip(parts, self.shapes, strict=True)]
        last = network.backbone.last_stage()(levels[-1])
        return Pyramid(NotKept([*levels, last]) if self.first else (*levels, last), network.backbone.pool(last))


class NotKept(tuple[Tensor, ...]):
    """Levels counted from the coarsest one, of which the finest are not there."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Tensor]:
        raise UnsupportedError("this method reads every level of the pyramid: it must say feature_levels = 'pyramid'")

    def __getitem__(self, place: int) -> Tensor:  # type: ignore[override]
        if not -len(self) <= place < 0:
            raise UnsupportedError("this method reads levels that are not kept: it must say feature_levels = 'pyramid'")
        return super().__getitem__(place)


def entry_for(
    config: NetworkConfig, network: Network, inputs: InputSpec, feature_levels: FeatureLevels
) -> KeptLevels | None:
    """Where samples enter; None where nothing is frozen, or the frozen part cannot be told from the rest."""
    if config.trainable == "all" or inputs.kind != "image" or config.head_kind == "pixel":
        return None
    with probing(network):
        levels, pooled = network.features(example(inputs))
        if config.trainable == "head" and feature_levels == "pooled":
            return KeptLevels(len(levels), (), pooled.shape[1])
        if not _has_last_stage(network, levels, pooled):
            return None
    first = 0 if feature_levels == "pyramid" else max(0, len(levels) - _count(feature_levels))
    shapes = tuple(tuple(level.shape[1:]) for level in levels[first:-1])
    return KeptLevels(first, shapes, sum(map(math.prod, shapes)))


def _count(feature_levels: FeatureLevels) -> int:
    return feature_levels if isinstance(feature_levels, int) else 2


def _has_last_stage(network: Network, levels: tuple[Tensor, ...], pooled: Tensor) -> bool:
    try:
        stage = network.backbone.last_stage()
    except UnsupportedError:
        return False
    return len(levels) > 1 and continues(network.backbone, stage, levels, pooled)
