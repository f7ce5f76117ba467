"""From the arguments of a loss to its reduced value, by the path that suits."""

from __future__ import annotations

import torch
from torch import Tensor

from softlabel.labels import LabelDistribution
from softlabel.labels.amounts import accumulation_dtype
from softlabel.labels.distribution import Amount
from softlabel.labels.modes import may_look, transformed
from softlabel.losses.engine import delegated as delegation
from softlabel.losses.engine.asked import Asked, element_mass
from softlabel.losses.engine.delegated import delegated
from softlabel.losses.engine.fused import fused_total, fused_values
from softlabel.losses.engine.operator import operator_values
from softlabel.losses.engine.plain import plain_values
from softlabel.losses.engine.reduction import SumAndMass, Way, inverse
from softlabel.losses.engine.target import align_class_mask, as_label, check_kind, class_axis
from softlabel.losses.engine.weight import Numbers, class_weight


def compute(
    logits: Tensor,
    target: Tensor | LabelDistribution,
    weight: Numbers | None,
    sample_weight: Numbers | None,
    mask: Tensor | None,
    class_mask: Tensor | None,
    ignore_index: int,
    reduction: Way,
    fused: bool,
    divergence: bool,
) -> Tensor | SumAndMass:
    """Cross-entropy, or with `divergence` that less the label's entropy."""
    check_kind(target)
    axis, dtype = class_axis(logits), accumulation_dtype(logits.dtype)
    if weight is not None:
        weight = class_weight(weight, logits.shape[axis], dtype, logits.device)
    plain = sample_weight is None and mask is None and class_mask is None and fused and not divergence
    if plain and may_look(logits) and not torch.is_autocast_enabled("cpu"):
        value = delegated(logits, target, weight, ignore_index, reduction)
        if value is not None:
            return value
    device = logits.device.type
    if torch.is_autocast_enabled(device):
        with torch.autocast(device, enabled=False):
            return compute(
                logits, target, weight, sample_weight, mask, class_mask, ignore_index, reduction, fused, divergence
            )
    label = as_label(target, logits, ignore_index)
    left = None if class_mask is None else align_class_mask(class_mask, logits, axis)
    mass = element_mass(label, dtype, weight, sample_weight, mask, left)
    asked = Asked(label, mass, left, divergence)
    if not fused or asked.learned:
        return reduced(plain_values(logits.movedim(axis, -1), asked), asked, reduction)
    if torch.compiler.is_compiling():
        return reduced(compiled_values(logits, asked, axis), asked, reduction)
    if transformed():
        return reduced(plain_values(logits.movedim(axis, -1), asked), asked, reduction)
    return fused_loss(logits, asked, axis, reduction)


def compiled_values(logits: Tensor, asked: Asked, axis: int) -> Tensor:
    """Under torch.compile: the operator, or what the compiler makes where all is small or without a gradient."""
    if logits.requires_grad and torch.is_grad_enabled() and logits.numel() > delegation.LIMIT:
        return operator_values(logits, asked, axis)
    return plain_values(logits.movedim(axis, -1), asked)


def fused_loss(logits: Tensor, asked: Asked, axis: int, reduction: Way) -> Tensor | SumAndMass:
    if reduction == "none":
        return fused_values(logits, asked, axis)
    if reduction == "mean":
        return fused_total(logits, asked, axis, share_of_mass(asked))
    total = fused_total(logits, asked, axis, 1.0)
    return total if reduction == "sum" else SumAndMass(total, asked.total_mass(total))


def share_of_mass(asked: Asked) -> Amount:
    """What each unit of mass counts in a mean."""
    if asked.mass is None:
        return 1 / max(asked.label.shape.numel(), 1)
    return inverse(asked.mass.sum())


def reduced(values: Tensor, asked: Asked, reduction: Way) -> Tensor | SumAndMass:
    if reduction == "none":
        return values
    total = values.sum()
    if reduction == "sum":
        return total
    mass = asked.total_mass(total)
    return SumAndMass(total, mass) if reduction == "sum_and_mass" else total * inverse(mass)
