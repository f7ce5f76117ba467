"""One rule normalises: a loss gives a value and a mass per element, and one division makes the mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, TypeVar

import torch
from torch import Tensor

Reduction = Literal["none", "mean", "sum"]
REDUCTIONS = ("none", "mean", "sum")


class SumAndMass(NamedTuple):
    """The sum of a loss and the mass it is to be divided by: once, over all micro-batches and processes.

    Source: numerator and denominator of the "mean" of PyTorch's weighted cross-entropy.

    >>> import torch
    >>> import softlabel as sl
    >>> logits, index = torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]]), torch.tensor([0, 0, 0])
    >>> first = sl.losses.sum_and_mass(sl.losses.cross_entropy, logits[:1], index[:1])
    >>> rest = sl.losses.sum_and_mass(sl.losses.cross_entropy, logits[1:], index[1:])
    >>> (first.sum + rest.sum) / (first.mass + rest.mass), sl.losses.cross_entropy(logits, index)
    (tensor(0.9823), tensor(0.9823))
    """

    sum: Tensor
    mass: Tensor


def reduce(values: Tensor, both: SumAndMass, reduction: Reduction) -> Tensor:
    """One of values, which have their masses in them, and their sum. Raises ValueError for another reduction."""
    check_reduction(reduction)
    if reduction == "none":
        return values
    return both.sum if reduction == "sum" else both.sum * inverse(both.mass)


def check_reduction(reduction: str) -> None:
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction is {reduction!r}, expected one of {', '.join(map(repr, REDUCTIONS))}")


def inverse(mass: Tensor) -> Tensor:
    """1 / mass, and 0 for no mass at all, so that the mean of nothing is 0."""
    return torch.where(mass == 0, 0, 1 / mass)


Loss = TypeVar("Loss", bound=Callable[..., Tensor])
SUMS: dict[Callable[..., Tensor], Callable[..., SumAndMass]] = {}
"""Of each loss, what gives its sum and mass for the same arguments, the reduction left out."""


def summed_by(function: Callable[..., SumAndMass]) -> Callable[[Loss], Loss]:
    """Says, above a loss, what `sum_and_mass` is to call."""

    def enter(loss: Loss) -> Loss:
        SUMS[loss] = function
        return loss

    return enter
