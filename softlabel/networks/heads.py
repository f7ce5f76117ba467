"""Heads: from pooled features to logits."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

HeadName = Literal["linear", "cosine"]


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


def build_head(name: HeadName, num_features: int, num_classes: int) -> nn.Module:
    """A new head of this kind, with weights from the global generator."""
    kind = CosineHead if name == "cosine" else nn.Linear
    return kind(num_features, num_classes)


def head_name(head: nn.Module) -> HeadName:
    """The kind of a head."""
    return "cosine" if isinstance(head, CosineHead) else "linear"
