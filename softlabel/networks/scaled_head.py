"""A linear head with a factor per class, whose own weights stay or go on learning."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ScaledHead(nn.Module):
    """z = s (W x + b), from a given head and s = 1.

    With W and b held still only the K factors move: learnable weight scaling (Kang et al., ICLR 2020, equation 5). With
    W and b going on at a share of the learning rate it is the classifier of MiSLAS as in its released code (Zhong et
    al., CVPR 2021; equation 10 writes the same head as a change of the old one).
    """

    def __init__(self, head: nn.Linear) -> None:
        super().__init__()
        bias = torch.zeros_like(head.weight[:, 0]) if head.bias is None else head.bias
        self.weight = nn.Parameter(head.weight.detach().clone())
        self.bias = nn.Parameter(bias.detach().clone())
        self.scale = nn.Parameter(torch.ones_like(self.bias))

    def linear(self) -> tuple[Tensor, Tensor]:
        """Weight (K, D) and bias (K,) of the linear head that it amounts to."""
        return self.scale[:, None] * self.weight, self.scale * self.bias

    def forward(self, pooled: Tensor) -> Tensor:
        return F.linear(pooled, *self.linear())

    @torch.no_grad()
    def write_to(self, head: nn.Linear) -> None:
        """Make an ordinary head equal to this one."""
        weight, bias = self.linear()
        head.weight.copy_(weight)
        if head.bias is not None:
            head.bias.copy_(bias)
