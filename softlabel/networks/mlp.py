"""A multilayer perceptron: for feature vectors, and for images taken as vectors."""

from __future__ import annotations

import os
from collections.abc import Sequence

from torch import Tensor, nn

from softlabel.errors import ConfigError
from softlabel.networks.initialise import initialise
from softlabel.networks.network import Backbone, Pyramid

BYTES_A_WEIGHT = 12
"""A weight, its gradient and its momentum, in fp32."""


def refuse_too_many(weights: int, hidden: Sequence[int]) -> None:
    """Raise ConfigError for more weights than this machine could train, before memory is taken for them."""
    needed, there = weights * BYTES_A_WEIGHT, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        widths = ",".join(map(str, hidden[:6])) + (",…" if len(hidden) > 6 else "")
        raise ConfigError(
            f"network.hidden: {widths} makes {weights:,} weights, which take {needed / 1e9:,.0f} GB in training; "
            f"this machine has {there / 1e9:,.0f} GB"
        )


class MLP(Backbone):
    """Standardised features (N, D), or images, flattened -> one level (N, width) per hidden layer."""

    spatial = False

    def __init__(self, num_inputs: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.widths = tuple(hidden)
        self.num_features = hidden[-1]
        entries = (num_inputs, *hidden[:-1])
        refuse_too_many(sum((entry + 1) * width for entry, width in zip(entries, hidden, strict=True)), hidden)
        # the first layer flattens, so that even a single one is a stage by itself
        self.stages = nn.ModuleList(
            nn.Sequential(nn.Flatten(), nn.Linear(entry, width), nn.ReLU(inplace=True))
            for entry, width in zip(entries, hidden, strict=True)
        )
        initialise(self)

    def forward(self, inputs: Tensor) -> Pyramid:
        levels = []
        x = inputs
        for stage in self.stages:
            x = stage(x)
            levels.append(x)
        return Pyramid(tuple(levels), x)

    def last_stage(self) -> nn.Module:
        return self.stages[-1]
