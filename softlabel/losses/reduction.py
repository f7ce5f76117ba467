"""One rule normalises: a loss gives a value and a mass per element, and one division makes the mean."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

Reduction = Literal["none", "mean", "sum", "sum_and_mass"]
REDUCTIONS = ("none", "mean", "sum", "sum_and_mass")


class SumAndMass(NamedTuple):
    """The sum of a loss and the mass it is to be divided by, once, over all micro-batches and processes."""

    sum: Tensor
    mass: Tensor


def reduce(values: Tensor, mass: Tensor, reduction: Reduction) -> Tensor | SumAndMass:
    """Values already hold their mass; no mass at all gives 0."""
    if reduction == "none":
        return values
    if reduction == "sum":
        return values.sum()
    if reduction == "sum_and_mass":
        return SumAndMass(values.sum(), mass.sum())
    total = mass.sum()
    return values.sum() / torch.where(total == 0, 1, total)


def check_reduction(reduction: str) -> None:
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction is {reduction!r}, expected one of {', '.join(map(repr, REDUCTIONS))}")
