"""Small batches: PyTorch's own function, wherever it is right, since there calls cost more than arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from softlabel.labels import LabelDistribution, Sparse
from softlabel.labels.checks import none_ignored
from softlabel.losses.engine.reduction import Reduction, SumAndMass
from softlabel.losses.engine.target import batch_shape

LIMIT = 2**17
"""Elements of the logits up to which PyTorch is at least as fast (benchmarks/losses.py)."""
INDEX_LIMIT = 2**18
"""The same for one class per element without smoothing."""

_DTYPES = (torch.float32, torch.float64)
Form = tuple[Tensor, float] | None
TorchLoss = Callable[..., Tensor]


def delegated(
    function: TorchLoss,
    logits: Tensor,
    target: Tensor | LabelDistribution,
    weight: Tensor | None,
    ignore_index: int,
    reduction: Reduction,
) -> Tensor | None:
    """The loss by PyTorch's function, or None where it does not apply: an element is ignored, or it is not finite.

    (PyTorch gives NaN without any mass and where minus infinity meets a probability of 0.)
    """
    axis = 1 if logits.ndim > 1 else 0
    if not is_small(logits, target):
        return None
    if isinstance(target, Tensor) and target.dtype is torch.int64:
        form: Form = (target, 0.0) if target.shape == batch_shape(logits, axis) else None
    else:
        ignore_index, form = -100, torch_form(logits, target, ignore_index, axis)
    return torch_value(function, logits, form, weight, ignore_index, reduction)


def delegated_sum_and_mass(
    function: TorchLoss,
    logits: Tensor,
    target: Tensor | LabelDistribution,
    weight: Tensor | None,
    ignore_index: int,
) -> SumAndMass | None:
    """The same with the mass, which is counted only where nothing is ignored."""
    axis = 1 if logits.ndim > 1 else 0
    form = torch_form(logits, target, ignore_index, axis) if is_small(logits, target) else None
    total = torch_value(function, logits, form, weight, -100, "sum")
    if form is None or total is None:
        return None
    rows = logits.numel() // logits.shape[axis]
    return SumAndMass(total, total.new_full((), rows) if weight is None else weight[form[0]].sum())


def is_small(logits: Tensor, target: Tensor | LabelDistribution) -> bool:
    """Whether PyTorch is at least as fast, and takes the logits as they are."""
    size = logits.numel()
    if not 0 < size <= INDEX_LIMIT or logits.dtype not in _DTYPES or not logits.is_contiguous():
        return False
    return size <= LIMIT or is_index(target)


def torch_value(
    function: TorchLoss, logits: Tensor, form: Form, weight: Tensor | None, ignore_index: int, reduction: Reduction
) -> Tensor | None:
    """What PyTorch gives for a form of the target, if it is finite."""
    if form is None or (weight is not None and not plain_weight(weight, *form)):
        return None
    target, smoothing = form
    value = function(logits, target, weight, ignore_index=ignore_index, reduction=reduction, label_smoothing=smoothing)
    return value if math.isfinite((value.sum() if reduction == "none" else value).item()) else None


def plain_weight(weight: Tensor, target: Tensor, smoothing: float) -> bool:
    """Whether PyTorch's weight means what ours does; with a soft label it would bend the label."""
    soft = smoothing or target.is_floating_point()
    return not soft and not weight.requires_grad


def is_index(target: Tensor | LabelDistribution) -> bool:
    """Whether the target is one class per element and nothing else."""
    if isinstance(target, Tensor):
        return target.dtype is torch.int64
    return isinstance(target, Sparse) and target.epsilon == 0


def torch_form(logits: Tensor, target: Tensor | LabelDistribution, ignore_index: int, axis: int) -> Form:
    """The target as PyTorch takes it, with its label_smoothing; None: no such form, or an element is ignored."""
    if isinstance(target, LabelDistribution):
        return form_of_label(logits, target, axis)
    if target.dtype is torch.int64:
        usable = target.shape == batch_shape(logits, axis) and none_ignored(target, ignore_index)
    else:
        usable = target.shape == logits.shape and target.dtype is logits.dtype and bool(target.sum(axis).all())
    return (target, 0.0) if usable and not target.requires_grad else None


def form_of_label(logits: Tensor, label: LabelDistribution, axis: int) -> Form:
    """One class per element stays an index; every other label is written out, which is cheap while it is small."""
    if label.shape != batch_shape(logits, axis) or label.num_classes != logits.shape[axis]:
        return None
    if label.requires_grad or label.mass_or_none() is not None:
        return None
    if isinstance(label, Sparse) and label.epsilon is not None:
        return label.single_index, label.epsilon
    rows = label.dense(logits.dtype)
    return rows if rows.ndim == axis + 1 else rows.movedim(-1, axis), 0.0
