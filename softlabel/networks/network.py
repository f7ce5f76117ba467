"""Backbone, head and preprocessing: what every network of the library is made of, and all that ships."""

from __future__ import annotations

import copy
from typing import NamedTuple, Protocol

from torch import Tensor, nn


class Pyramid(NamedTuple):
    """What a backbone sees in a batch.

    levels   one tensor per stage, coarsest last: (N, C, H, W) where the backbone is spatial, else (N, D)
    pooled   (N, num_features), what the head classifies
    """

    levels: tuple[Tensor, ...]
    pooled: Tensor


class Backbone(nn.Module):
    """A stack of stages, each of which gives one level of the pyramid.

    widths         channels of each level
    num_features   width of the pooled features
    spatial        whether levels are maps (N, C, H, W) or vectors (N, D)
    pretrained     whether its weights were learned, or brought along, before: what is copied from it keeps them

    `pool(last_stage()(levels[-2]))` equals `pooled`; a single stage starts from the standardised inputs instead.
    """

    widths: tuple[int, ...]
    num_features: int
    spatial: bool
    pretrained: bool = False

    def forward(self, inputs: Tensor) -> Pyramid:
        raise NotImplementedError

    def last_stage(self) -> nn.Module:
        """The stage behind the last level. Raises UnsupportedError where it cannot be told apart."""
        raise NotImplementedError

    def clone_last_stage(self) -> nn.Module:
        """A copy of the last stage with weights of its own; `initialise` makes it forget what it has learned."""
        return copy.deepcopy(self.last_stage())

    def pool(self, level: Tensor) -> Tensor:
        """From a last level to what the head classifies: the mean over positions."""
        return level.mean(dim=(2, 3)) if self.spatial else level


class Entry(Protocol):
    """Where rows that a frozen first part made before enter a network."""

    @property
    def size(self) -> int:
        """Numbers a row."""

    def rows(self, network: Network, inputs: Tensor) -> Tensor:
        """What is kept of raw inputs (N, C, H, W): (N, size)."""

    def pyramid(self, network: Network, rows: Tensor) -> Pyramid:
        """The pyramid above kept rows (N, size)."""


class Network(nn.Module):
    """Raw inputs -> logits (N, K).

    entry   where a first part is frozen, how rows (N, size) that it made before enter instead of raw inputs
    """

    entry: Entry | None = None

    def __init__(self, preprocess: nn.Module, backbone: Backbone, head: nn.Module) -> None:
        super().__init__()
        self.preprocess = preprocess
        self.backbone = backbone
        self.head = head

    def features(self, inputs: Tensor) -> Pyramid:
        """Raw inputs, or rows that the frozen part made of them, -> the pyramid of features."""
        if self.entry is not None and inputs.ndim == 2:
            return self.entry.pyramid(self, inputs)
        pyramid: Pyramid = self.backbone(self.preprocess(inputs))
        return pyramid

    def classify(self, pooled: Tensor) -> Tensor:
        """Pooled features (N, num_features) -> logits (N, K)."""
        logits: Tensor = self.head(pooled)
        return logits

    def forward(self, inputs: Tensor) -> Tensor:
        return self.classify(self.features(inputs).pooled)
