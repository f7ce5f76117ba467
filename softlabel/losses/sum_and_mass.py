"""A loss in two numbers, for loops that divide once: over micro-batches, processes, or a whole epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec

from torch import Tensor

from softlabel.losses.engine.reduction import SUMS, SumAndMass

P = ParamSpec("P")


def sum_and_mass(loss: Callable[P, Tensor], *arguments: P.args, **options: P.kwargs) -> SumAndMass:
    """The sum of the elements' losses and the mass to divide it by, in one pass; their quotient is the loss's "mean".

    loss                 a loss of `softlabel.losses`
    arguments, options   those of the loss, all but `reduction`

    The mass counts <q, weight> per element of losses of label distributions; rows with a value (`expectation_loss`);
    rows (`attention_distance`); pairs of rows that count (`similarity_distance`); classes of rows
    (`sigmoid_focal_loss`).
    Raises ValueError for another loss, TypeError for a `reduction`, and what the loss raises.
    Source: numerator and denominator of the "mean" of PyTorch's weighted cross-entropy.

    >>> import torch
    >>> from softlabel.losses import cross_entropy, sum_and_mass
    >>> logits, index = torch.tensor([[0.0, 0.0], [2.0, 0.0]]), torch.tensor([0, -100])  # the second row is ignored
    >>> sum_and_mass(cross_entropy, logits, index)
    SumAndMass(sum=tensor(0.6931), mass=tensor(1.))
    """
    if loss not in SUMS:
        known = ", ".join(sorted(each.__name__ for each in SUMS))
        raise ValueError(f"loss is {getattr(loss, '__name__', loss)!r}, expected one of {known}")
    if "reduction" in options:
        raise TypeError("sum_and_mass gives the sum and the mass, and takes no reduction")
    return SUMS[loss](*arguments, **options)
