"""Running mean features of each class, which stand in for classes that a batch lacks."""

from __future__ import annotations

import torch
from torch import Tensor

from softlabel.running_state import RunningState


class ClassMeans(RunningState):
    """Exponential moving averages (K, D); a class begins with the first batch that has it, and is 0 before."""

    def __init__(self, num_classes: int, num_features: int, momentum: float = 0.9) -> None:
        super().__init__()
        self.momentum = momentum
        self.declare("means", torch.zeros(num_classes, num_features), "replace")
        self.declare("seen", torch.zeros(num_classes, dtype=torch.bool), "replace")

    @property
    def current(self) -> Tensor:
        """The means, (K, D) float32."""
        return self.tensor("means")

    @torch.no_grad()
    def follow(self, features: Tensor, one_hot: Tensor) -> None:
        """Take up a batch of all processes: features (N, D), classes (N, K)."""
        if self.current.device != features.device:
            self.to_(features.device)
        counts = one_hot.sum(0)
        found = one_hot.T @ features.float() / counts.clamp_min(1)[:, None]
        seen, old = self.tensor("seen"), self.current
        moved = torch.where(seen[:, None], self.momentum * old + (1 - self.momentum) * found, found)
        old.copy_(torch.where(counts[:, None] > 0, moved, old))
        seen.logical_or_(counts > 0)
