"""Made predictions, a little over-confident, and what is true."""

from __future__ import annotations

import torch
from torch import Tensor

K = 4


def sample(n: int = 500, seed: int = 0, scale: float = 2.0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(n, K, generator=generator, dtype=torch.float64)
    return logits, torch.multinomial((0.7 * logits).softmax(-1), 1, generator=generator)[:, 0]


def soft_sample(n: int = 500) -> tuple[Tensor, Tensor]:
    logits, _ = sample(n)
    return logits, (logits + torch.randn(n, K, dtype=torch.float64)).softmax(-1)
