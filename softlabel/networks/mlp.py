"""A multilayer perceptron: for feature vectors, and for images taken as vectors."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from softlabel.networks.initialise import initialise
from softlabel.networks.network import Backbone, Pyramid


class MLP(Backbone):
    """Standardised features (N, D), or images, flattened -> one level (N, width) per hidden layer."""

    spatial = False

    def __init__(self, num_inputs: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.widths = tuple(hidden)
        self.num_features = hidden[-1]
        entries = (num_inputs, *hidden[:-1])
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
