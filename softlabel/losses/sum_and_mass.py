"""A loss in two numbers, for loops that divide once: over micro-batches, processes, or a whole epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from torch import Tensor

from softlabel.labels import LabelDistribution
from softlabel.losses.cross_entropy import cross_entropy
from softlabel.losses.engine.compute import compute
from softlabel.losses.engine.reduction import SumAndMass
from softlabel.losses.engine.weight import Numbers
from softlabel.losses.kl_divergence import kl_divergence


def sum_and_mass(
    loss: Callable[..., Tensor],
    logits: Tensor,
    target: Tensor | LabelDistribution,
    *,
    weight: Numbers | None = None,
    sample_weight: Numbers | None = None,
    mask: Tensor | None = None,
    class_mask: Tensor | None = None,
    ignore_index: int = -100,
    fused: bool = True,
) -> SumAndMass:
    """The sum of the elements' losses and the mass to divide it by, in one pass; their quotient is the loss's "mean".

    loss   `cross_entropy` or `kl_divergence`; all other arguments, shapes (N, K, ...) and errors are those of it

    Raises ValueError for another loss.
    Source: numerator and denominator of the "mean" of PyTorch's weighted cross-entropy.

    >>> import torch
    >>> from softlabel.losses import cross_entropy, sum_and_mass
    >>> logits, index = torch.tensor([[0.0, 0.0], [2.0, 0.0]]), torch.tensor([0, -100])  # the second row is ignored
    >>> sum_and_mass(cross_entropy, logits, index)
    SumAndMass(sum=tensor(0.6931), mass=tensor(1.))
    """
    if loss is not cross_entropy and loss is not kl_divergence:
        raise ValueError(f"loss is {getattr(loss, '__name__', loss)!r}, expected cross_entropy or kl_divergence")
    divergence = loss is kl_divergence
    found = compute(
        logits, target, weight, sample_weight, mask, class_mask, ignore_index, "sum_and_mass", fused, divergence
    )
    return cast(SumAndMass, found)
