"""The focal loss (Lin et al., ICCV 2017, equation 4), for label distributions."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from softlabel.labels import LabelDistribution
from softlabel.labels.distribution import Amount
from softlabel.losses.engine import compute
from softlabel.losses.engine.class_loss import summed
from softlabel.losses.engine.fused_loss import FusedLoss
from softlabel.losses.engine.reduction import Reduction, check_reduction, summed_by
from softlabel.losses.engine.weight import Numbers


class Focal(FusedLoss):
    """sum_k q_k f(p_k), f(p) = -(1 - p)^gamma log p; the gradient in z_j is q_j a_j - p_j <q, a>, a = p f'(p)."""

    def __init__(self, gamma: float | Tensor = 2.0) -> None:
        if isinstance(gamma, Tensor):  # the sweep would lose its gradient
            raise TypeError("gamma is a tensor, expected a number")
        if not 0 <= gamma < math.inf:
            raise ValueError(f"gamma is {gamma}, expected a finite number from 0")
        self.gamma = gamma
        self.numbers = (float(gamma),)

    def values(self, logits: Tensor, label: LabelDistribution) -> Tensor:
        log_p = torch.log_softmax(logits, -1)
        # of p = 0 the power is 1, and its derivative, 0 times infinity, is kept out
        gone = torch.isneginf(log_p)
        rest = -torch.expm1(log_p.masked_fill(gone, 0))
        # at gamma < 1 the power has no derivative at 0, where the loss is 0 anyway
        power = rest.clamp_min(torch.finfo(log_p.dtype).tiny) ** self.gamma
        return -label.inner(log_p * power.masked_fill(gone, 1))

    def block(self, work: Tensor, label: LabelDistribution, scale: Amount | None) -> Tensor:
        limits = torch.finfo(work.dtype)
        total = work.exp().sum(-1, keepdim=True).log_()
        log_p = work.sub_(total)
        rest = torch.expm1(log_p).neg_().clamp_min_(limits.tiny)
        power = rest**self.gamma
        values = -label.inner(log_p * power)
        values.add_(total.squeeze(-1), alpha=0)  # NaN where the logits are no numbers, also where no label is known
        if scale is None:
            return values
        p = log_p.exp()
        slope = log_p.clamp_min_(limits.min).mul_(p).mul_(power / rest).mul_(self.gamma).sub_(power)
        q = torch.zeros_like(p)
        label.add_to_(q, 1.0)
        pull = q.mul_(slope)
        torch.sub(pull, p.mul_(pull.sum(-1, keepdim=True)), out=work)
        work.mul_(scale[..., None] if isinstance(scale, Tensor) else scale)
        return values


@summed_by(summed(Focal))
def focal_loss(
    logits: Tensor,
    target: Tensor | LabelDistribution,
    gamma: float = 2.0,
    *,
    weight: Numbers | None = None,
    sample_weight: Numbers | None = None,
    mask: Tensor | None = None,
    class_mask: Tensor | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    fused: bool = True,
) -> Tensor:
    """Sum over classes of -q (1 - p)^gamma log p per element, p = softmax(z), in float32 at least.

    gamma   a finite number from 0, which is cross-entropy
    All other arguments, shapes and errors are those of `cross_entropy`; the mass <q, weight> is outside of the power.
    1 - p comes from expm1, so that it is exact near p = 1. Raises ValueError or TypeError for another gamma.
    Source: Lin et al., ICCV 2017, equation 4.

    >>> import torch
    >>> import softlabel as sl
    >>> easy, hard = torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 3.0]])
    >>> index = torch.tensor([0])
    >>> [round(sl.losses.focal_loss(logits, index, gamma=0.0).item(), 4) for logits in (easy, hard)]
    [0.0486, 3.0486]
    >>> [round(sl.losses.focal_loss(logits, index, gamma=2.0).item(), 4) for logits in (easy, hard)]
    [0.0001, 2.7663]
    """
    check_reduction(reduction)
    loss = Focal(gamma)
    return compute.value(loss, logits, target, weight, sample_weight, mask, class_mask, ignore_index, reduction, fused)
