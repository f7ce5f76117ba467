"""A linear head that learns little: a factor per class, and perhaps a small change of its weights."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ScaledHead(nn.Module):
    """z = s (W + sqrt(r) V) x + s (b + sqrt(r) v): starts as the given head (s = 1, V = 0), whose W and b stay.

    Gradient descent on V moves the weights with r times the learning rate of s. With r = 0 only the K factors move:
    learnable weight scaling (Kang et al., ICLR 2020, equation 5); with r > 0 it is the classifier of MiSLAS
    (Zhong et al., CVPR 2021, equation 10), whose published code continues the head with r times the rate.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, head: nn.Linear, rate_factor: float = 0.0) -> None:
        super().__init__()
        bias = torch.zeros_like(head.weight[:, 0]) if head.bias is None else head.bias
        self.register_buffer("weight", head.weight.detach().clone())
        self.register_buffer("bias", bias.detach().clone())
        self.scale = nn.Parameter(torch.ones_like(self.bias))
        self.step = math.sqrt(rate_factor)
        if rate_factor > 0:
            self.weight_change = nn.Parameter(torch.zeros_like(self.weight))
            self.bias_change = nn.Parameter(torch.zeros_like(self.bias))

    def linear(self) -> tuple[Tensor, Tensor]:
        """Weight (K, D) and bias (K,) of the linear head that it amounts to."""
        weight, bias = self.weight, self.bias
        if self.step > 0:
            weight, bias = weight + self.step * self.weight_change, bias + self.step * self.bias_change
        return self.scale[:, None] * weight, self.scale * bias

    def forward(self, pooled: Tensor) -> Tensor:
        return F.linear(pooled, *self.linear())

    @torch.no_grad()
    def write_to(self, head: nn.Linear) -> None:
        """Make an ordinary head equal to this one."""
        weight, bias = self.linear()
        head.weight.copy_(weight)
        if head.bias is not None:
            head.bias.copy_(bias)
