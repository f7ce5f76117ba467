"""The focal loss (Lin et al., ICCV 2017, equation 4), for label distributions."""

from __future__ import annotations

import torch
from torch import Tensor

from softlabel.labels import LabelDistribution
from softlabel.losses.engine.reduction import SumAndMass
from softlabel.losses.engine.target import as_label
from softlabel.losses.engine.weight import Numbers, class_weight


def focal_loss(
    logits: Tensor, target: Tensor | LabelDistribution, gamma: float = 2.0, *, weight: Numbers | None = None
) -> SumAndMass:
    """Sum over classes of -q (1 - p)^gamma log p, as sum and mass: logits (N, K), target as in `cross_entropy`.

    weight   (K,), as in `cross_entropy`: an element's mass is <q, weight>, outside of the power
    gamma 0 is cross-entropy. Computed in float32 at least; 1 - p comes from expm1, so that it is exact near p = 1.
    Source: Lin et al., ICCV 2017, equation 4.

    >>> import torch
    >>> import softlabel as sl
    >>> easy, hard = torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 3.0]])
    >>> index = torch.tensor([0])
    >>> [round(sl.losses.focal_loss(logits, index, gamma=0.0).sum.item(), 4) for logits in (easy, hard)]
    [0.0486, 3.0486]
    >>> [round(sl.losses.focal_loss(logits, index, gamma=2.0).sum.item(), 4) for logits in (easy, hard)]
    [0.0001, 2.7663]
    """
    log_p = torch.log_softmax(logits.double() if logits.dtype == torch.float64 else logits.float(), -1)
    label = as_label(target, logits, -100)
    rest = -torch.expm1(log_p)
    # at gamma < 1 the power has no derivative at 0, where the loss is 0 anyway
    focused = log_p * rest.clamp_min(torch.finfo(log_p.dtype).tiny) ** gamma
    values = -label.inner(focused)
    mass = label.mass.to(values.dtype)
    if weight is not None:
        mass = mass * label.expectation(class_weight(weight, logits.shape[-1], values.dtype, logits.device)).to(
            values.dtype
        )
    return SumAndMass((values * mass).sum(), mass.sum())
