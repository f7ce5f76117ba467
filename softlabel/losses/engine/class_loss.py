"""Sum and mass of the losses that the engine computes, whose arguments are all the same."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from softlabel.labels import LabelDistribution
from softlabel.losses.engine import compute
from softlabel.losses.engine.fused_loss import FusedLoss
from softlabel.losses.engine.reduction import SumAndMass
from softlabel.losses.engine.weight import Numbers


def summed(kind: Callable[..., FusedLoss]) -> Callable[..., SumAndMass]:
    """What gives sum and mass of one kind of loss, for what makes it and the arguments of `cross_entropy`."""

    def by(
        logits: Tensor,
        target: Tensor | LabelDistribution,
        *numbers: float,
        weight: Numbers | None = None,
        sample_weight: Numbers | None = None,
        mask: Tensor | None = None,
        class_mask: Tensor | None = None,
        ignore_index: int = -100,
        fused: bool = True,
        **named: float,
    ) -> SumAndMass:
        loss = kind(*numbers, **named)
        return compute.sum_and_mass(loss, logits, target, weight, sample_weight, mask, class_mask, ignore_index, fused)

    return by
