"""What the loop hands to a method."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Samples of one step.

    inputs      (N, C, H, W) uint8 images or (N, D) float features
    annotation  what the source says of each sample: class index (N,) int64, or a distribution (N, K) float
    sample_id   (N,) int64, the row in the source
    """

    inputs: Tensor
    annotation: Tensor
    sample_id: Tensor

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on another device."""
        return Batch(*(t.to(device, non_blocking=True) for t in (self.inputs, self.annotation, self.sample_id)))

    def __len__(self) -> int:
        return len(self.sample_id)
