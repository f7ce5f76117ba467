"""Heads: from pooled features to logits."""

from __future__ import annotations

from typing import Literal, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

HeadName = Literal["linear", "cosine", "centred", "value", "pixel"]


class CosineHead(nn.Module):
    """Features (N, D) -> scale · cosine between the features and each class's weight, (N, K).

    Neither the length of the features nor that of a weight counts (Wang et al., CVPR 2018, NormFace and CosFace).
    """

    scale: Tensor

    def __init__(self, num_features: int, num_classes: int, scale: float = 30.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(num_classes, num_features)))
        self.register_buffer("scale", torch.tensor(scale))

    def forward(self, pooled: Tensor) -> Tensor:
        return self.scale * F.linear(F.normalize(pooled), F.normalize(self.weight))


class CentredHead(nn.Module):
    """Features x (N, D) -> W (x - c) / |x - c| + b, (N, K): linear in the direction from a center c.

    Costs a linear head and one length a row; x = c has no direction and answers b.
    """

    center: Tensor

    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(num_classes, num_features)))
        self.bias = nn.Parameter(torch.zeros(num_classes))
        self.register_buffer("center", torch.zeros(num_features))

    @classmethod
    def in_place_of(cls, head: nn.Linear) -> Self:
        """One of the same shape on the same device, whose parameters are to be set."""
        return cls(head.in_features, head.out_features).to(head.weight.device)

    @torch.no_grad()
    def set_parameters(self, center: Tensor, weight: Tensor, bias: Tensor) -> None:
        """Center (D,), weights (K, D) and bias (K,)."""
        self.center.copy_(center)
        self.weight.copy_(weight)
        self.bias.copy_(bias)

    def forward(self, pooled: Tensor) -> Tensor:
        return F.linear(F.normalize(pooled - self.center), self.weight, self.bias)


class ValueHead(nn.Module):
    """Features (N, D) -> one number each, and from it logits (N, K) of a narrow Gaussian around it on the label axis.

    So a regression answers as everything else does: its distribution has the number as its mean, but near the ends of
    the axis, and a temperature makes it as wide as the validation errors ask for.
    """

    grid: Tensor
    scale: Tensor

    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(num_features, 1)
        self.register_buffer("grid", torch.arange(num_classes).float())
        self.register_buffer("scale", torch.tensor([0.0, 1.0]))

    @torch.no_grad()
    def set_axis(self, grid: Tensor, center: float, spread: float) -> None:
        """The label axis (K,), and the mean and spread of the training values, in which the output is measured."""
        self.grid.copy_(grid)
        self.scale.copy_(torch.tensor([center, spread]))

    def value(self, pooled: Tensor) -> Tensor:
        """The numbers (N,), in units of the label axis."""
        numbers: Tensor = self.scale[0] + self.scale[1] * self.linear(pooled)[:, 0]
        return numbers

    def forward(self, pooled: Tensor) -> Tensor:
        step = self.grid.diff().mean()
        return -0.5 * ((self.grid - self.value(pooled)[:, None]) / step).square()


class PixelHead(nn.Conv2d):
    """Features of every pixel (N, D, H, W) -> logits (N, K, H, W)."""

    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__(num_features, num_classes, 1)


_KINDS: dict[HeadName, type[nn.Module]] = {
    "linear": nn.Linear,
    "cosine": CosineHead,
    "centred": CentredHead,
    "value": ValueHead,
    "pixel": PixelHead,
}


def build_head(name: HeadName, num_features: int, num_classes: int) -> nn.Module:
    """A new head of this kind, with weights from the global generator."""
    return _KINDS[name](num_features, num_classes)


def head_name(head: nn.Module) -> HeadName:
    """The kind of a head."""
    return next((name for name, kind in _KINDS.items() if type(head) is kind), "linear")
