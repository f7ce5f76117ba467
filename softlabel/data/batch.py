"""What the loop hands to a method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Samples of one step.

    inputs      (N, C, H, W) uint8 images or (N, D) float features
    annotation  what the source says of each sample, (N, ...): see `Source`
    sample_id   (N,) int64, the row in the source
    partner     of mixed samples, the annotation of the other one; None where nothing is mixed
    own_share   (N,) float, how much of a mixed sample is its own
    """

    inputs: Tensor
    annotation: Tensor
    sample_id: Tensor
    partner: Tensor | None = None
    own_share: Tensor | None = None

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on another device."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def parts(self, count: int) -> list[Batch]:
        """The batch in `count` parts of (nearly) equal size, some of them empty where it has fewer samples."""
        return [self._each(lambda tensor, n=n: tensor.tensor_split(count)[n]) for n in range(count)]  # type: ignore[misc]

    def _each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        tensors = (self.inputs, self.annotation, self.sample_id, self.partner, self.own_share)
        return Batch(*(None if tensor is None else change(tensor) for tensor in tensors))  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self.sample_id)
