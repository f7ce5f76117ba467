"""Lowered form and kind: the probabilities themselves."""

from __future__ import annotations

import torch
from torch import Tensor

from softlabel.labels.amounts import accumulation_dtype, only_known, surprise, times
from softlabel.labels.checks import check_probabilities
from softlabel.labels.distribution import LabelDistribution, Rows


class Dense(LabelDistribution):
    """q = probabilities, (..., K). A row without any mass is ignored, as if it were not there."""

    def __init__(self, probabilities: Tensor, known: Tensor | None = None) -> None:
        self.probabilities = probabilities
        self.num_classes = probabilities.shape[-1]
        self.known = known

    @property
    def shape(self) -> torch.Size:
        return self.probabilities.shape[:-1]

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        return (self.probabilities,) if self.known is None else (self.probabilities, self.known)

    @property
    def mass(self) -> Tensor:
        return only_known((self.probabilities != 0).any(-1).to(torch.get_default_dtype()), self.known)

    def inner(self, logits: Tensor) -> Tensor:
        logits = logits.to(accumulation_dtype(logits.dtype))
        return only_known(times(self.probabilities, logits).sum(-1), self.known)

    def expectation(self, values: Tensor) -> Tensor:
        return only_known(self.probabilities @ values.to(self.probabilities.dtype), self.known)

    def dense(self) -> Tensor:
        return self.probabilities if self.known is None else self.probabilities.masked_fill(~self.known[..., None], 0)

    def entropy(self) -> Tensor:
        return only_known(surprise(self.probabilities).sum(-1), self.known)

    def to(self, device: torch.device | str) -> Dense:
        return Dense(self.probabilities.to(device), None if self.known is None else self.known.to(device))

    def select(self, rows: Rows) -> Dense:
        return Dense(self.probabilities[rows], None if self.known is None else self.known[rows])


def dense(probabilities: Tensor, *, validate: bool = True) -> Dense:
    """Distributions written out.

    Shapes: probabilities (..., K)  ->  labels of shape (..., K).
    Raises ValueError with the first row that is negative, not finite, or does not sum to 1.
    """
    if not probabilities.is_floating_point():
        raise TypeError(f"probabilities are {probabilities.dtype}, expected a floating dtype (counts go to votes())")
    if validate:
        check_probabilities(probabilities, "probabilities")
    return Dense(probabilities)
