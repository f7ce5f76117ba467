"""From the arguments of a loss to its reduced value, by the path that suits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

import torch
from torch import Tensor

from softlabel.labels import LabelDistribution
from softlabel.labels.amounts import accumulation_dtype
from softlabel.labels.distribution import Amount
from softlabel.labels.modes import may_look, transformed
from softlabel.losses.engine import delegated as delegation
from softlabel.losses.engine.asked import Asked, ask
from softlabel.losses.engine.delegated import TorchLoss, delegated, delegated_sum_and_mass
from softlabel.losses.engine.fused import fused_total, fused_values
from softlabel.losses.engine.fused_loss import FusedLoss
from softlabel.losses.engine.operator import operator_values
from softlabel.losses.engine.plain import plain_values
from softlabel.losses.engine.reduction import Reduction, SumAndMass, inverse
from softlabel.losses.engine.target import check_kind, class_axis
from softlabel.losses.engine.weight import Numbers, class_weight

P = ParamSpec("P")
T = TypeVar("T")


def in_full_precision(
    function: Callable[Concatenate[FusedLoss, Tensor, P], T],
) -> Callable[Concatenate[FusedLoss, Tensor, P], T]:
    """The same outside of any autocast on the device of the logits."""

    def run(loss: FusedLoss, logits: Tensor, /, *arguments: P.args, **options: P.kwargs) -> T:
        device = logits.device.type
        if not torch.is_autocast_enabled(device):
            return function(loss, logits, *arguments, **options)
        with torch.autocast(device, enabled=False):
            return function(loss, logits, *arguments, **options)

    return run


@in_full_precision
def value(
    loss: FusedLoss,
    logits: Tensor,
    target: Tensor | LabelDistribution,
    weight: Numbers | None,
    sample_weight: Numbers | None,
    mask: Tensor | None,
    class_mask: Tensor | None,
    ignore_index: int,
    reduction: Reduction,
    fused: bool,
) -> Tensor:
    """The reduced loss: () for a mean or sum, else the shape of the labels."""
    check_kind(target)
    axis = class_axis(logits)
    ready = ready_weight(weight, logits, axis)
    if sample_weight is None and mask is None and class_mask is None and fused:
        function = torch_function(loss, logits)
        found = None if function is None else delegated(function, logits, target, ready, ignore_index, reduction)
        if found is not None:
            return found
    asked = ask(loss, logits, target, axis, ready, sample_weight, mask, class_mask, ignore_index)
    return computed(logits, asked, axis, reduction, fused)


@in_full_precision
def sum_and_mass(
    loss: FusedLoss,
    logits: Tensor,
    target: Tensor | LabelDistribution,
    weight: Numbers | None,
    sample_weight: Numbers | None,
    mask: Tensor | None,
    class_mask: Tensor | None,
    ignore_index: int,
    fused: bool,
) -> SumAndMass:
    """The sum of the loss and the sum of the masses."""
    check_kind(target)
    axis = class_axis(logits)
    ready = ready_weight(weight, logits, axis)
    if sample_weight is None and mask is None and class_mask is None and fused:
        function = torch_function(loss, logits)
        found = None if function is None else delegated_sum_and_mass(function, logits, target, ready, ignore_index)
        if found is not None:
            return found
    asked = ask(loss, logits, target, axis, ready, sample_weight, mask, class_mask, ignore_index)
    total = computed(logits, asked, axis, "sum", fused)
    return SumAndMass(total, asked.total_mass(total))


def ready_weight(weight: Numbers | None, logits: Tensor, axis: int) -> Tensor | None:
    if weight is None:
        return None
    return class_weight(weight, logits.shape[axis], accumulation_dtype(logits.dtype), logits.device)


def torch_function(loss: FusedLoss, logits: Tensor) -> TorchLoss | None:
    """PyTorch's own function, where it may be tried: whether its result is right is seen by looking at it."""
    function = loss.in_torch()
    return function if function is not None and may_look(logits) else None


def computed(logits: Tensor, asked: Asked, axis: int, reduction: Reduction, fused: bool) -> Tensor:
    if not fused or asked.learned:
        return reduced(plain_values(logits.movedim(axis, -1), asked), asked, reduction)
    if torch.compiler.is_compiling():
        return reduced(compiled_values(logits, asked, axis), asked, reduction)
    if transformed():
        return reduced(plain_values(logits.movedim(axis, -1), asked), asked, reduction)
    if reduction == "none":
        return fused_values(logits, asked, axis)
    return fused_total(logits, asked, axis, share_of_mass(asked) if reduction == "mean" else 1.0)


def compiled_values(logits: Tensor, asked: Asked, axis: int) -> Tensor:
    """Under torch.compile: the operator, or what the compiler makes where all is small or without a gradient."""
    if logits.requires_grad and torch.is_grad_enabled() and logits.numel() > delegation.LIMIT:
        return operator_values(logits, asked, axis)
    return plain_values(logits.movedim(axis, -1), asked)


def share_of_mass(asked: Asked) -> Amount:
    """What each unit of mass counts in a mean."""
    if asked.mass is None:
        return 1 / max(asked.label.shape.numel(), 1)
    return inverse(asked.mass.sum())


def reduced(values: Tensor, asked: Asked, reduction: Reduction) -> Tensor:
    if reduction == "none":
        return values
    total = values.sum()
    return total if reduction == "sum" else total * inverse(asked.total_mass(total))
