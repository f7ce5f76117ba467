"""No hidden layer: the head classifies the inputs themselves, which is softmax regression."""

from __future__ import annotations

from torch import Tensor, nn

from softlabel.networks.network import Backbone, Pyramid


class Linear(Backbone):
    """Standardised features (N, D), or images, flattened -> one level (N, D), with nothing to train in it."""

    spatial = False

    def __init__(self, num_inputs: int) -> None:
        super().__init__()
        self.widths = (num_inputs,)
        self.num_features = num_inputs
        self.stage = nn.Flatten()

    def forward(self, inputs: Tensor) -> Pyramid:
        x = self.stage(inputs)
        return Pyramid((x,), x)

    def last_stage(self) -> nn.Module:
        return self.stage
