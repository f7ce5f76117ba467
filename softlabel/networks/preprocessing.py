"""From raw samples to what the first layer sees; part of the network, so that whoever ships it ships this too."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from softlabel.errors import UnsupportedError
from softlabel.networks.inputs import InputSpec


class Standardise(nn.Module):
    """Subtract the mean and divide by the standard deviation, in fp32.

    Images (N, C, H, W) hold pixel values 0 to 255, as uint8 or (augmented) as floats, and are divided by 255 first.
    Features (N, D) are taken as they are. Not learned, and made again from the `InputSpec`, so nothing is saved.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, inputs: InputSpec) -> None:
        super().__init__()
        # an explicit device, because a network may be laid out on the meta device to learn its shapes
        mean, std = (torch.tensor(values, dtype=torch.float64, device="cpu") for values in (inputs.mean, inputs.std))
        divisor = torch.where(std > 0, std, 1.0)
        unit = 255.0 if inputs.kind == "image" else 1.0
        layout = (1, inputs.channels) + (1,) * (len(inputs.shape) - 1)
        self.register_buffer("scale", (1 / (unit * divisor)).float().view(layout), persistent=False)
        self.register_buffer("shift", (-mean / divisor).float().view(layout), persistent=False)

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.addcmul(self.shift, inputs.float(), self.scale)  # one pass: scale * x + shift


class StandardiseAsPublished(nn.Module):
    """(pixel - 127) / 128, by which EfficientNet-Lite was trained: (N, 1 or 3, H, W) -> (N, 3, H, W).

    Raises UnsupportedError for features.
    """

    def __init__(self, inputs: InputSpec) -> None:
        super().__init__()
        if inputs.kind != "image":
            raise UnsupportedError(
                f"network.backbone: efficientnet_lite0 needs images, but a row of this source is {inputs.channels} "
                "features; use mlp"
            )
        mean, std = ([level / 255] * inputs.channels for level in (127, 128))
        self.standardise = Standardise(InputSpec("image", inputs.shape, mean, std))

    def forward(self, inputs: Tensor) -> Tensor:
        standardised: Tensor = self.standardise(inputs)
        return standardised.expand(-1, 3, -1, -1)
