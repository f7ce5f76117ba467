"""One view of what is true of a row, whether it is a class or a distribution over classes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Truth:
    """What is true of N rows.

    index  (N,) int64, the class, or the one with most probability (the first of equals); 0 where ignored
    mass   (N,) float64, 1, and 0 where ignored
    dense  (N, K) float64 for a truth that is a distribution, else None
    """

    index: Tensor
    mass: Tensor
    dense: Tensor | None

    def probability_of(self, column: Tensor) -> Tensor:
        """How true class `column` (N,) is of each row, float64: 0 or 1 for a class; 0 where ignored."""
        if self.dense is None:
            return (self.index == column).double() * self.mass
        return self.dense.gather(-1, column[..., None])[..., 0]

    def as_dense(self, num_classes: int) -> Tensor:
        """The distribution (N, K) float64; a row of zeros where ignored."""
        if self.dense is not None:
            return self.dense
        return torch.zeros(len(self.index), num_classes, dtype=torch.float64, device=self.index.device).scatter_(
            -1, self.index[:, None], self.mass[:, None]
        )

    def mean_of(self, scores: Tensor) -> Tensor:
        """The mean of scores (N, K) under the truth, float64 (N,); scores of classes without truth are not read."""
        if self.dense is None:
            picked = scores.gather(-1, self.index[:, None])[:, 0].double()
            return torch.where(self.mass > 0, picked, 0.0)
        return torch.where(self.dense > 0, self.dense * scores, 0.0).sum(-1)


def read(truth: Tensor) -> Truth:
    """The view of a truth (N,) of class indices, negative where ignored, or (N, K) of probabilities."""
    if truth.is_floating_point():
        dense = truth.double()
        return Truth(dense.argmax(-1), (dense.sum(-1) > 0).double(), dense)
    return Truth(truth.clamp(min=0), (truth >= 0).double(), None)
