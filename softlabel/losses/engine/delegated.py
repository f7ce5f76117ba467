"""Small batches: PyTorch's own cross-entropy, wherever it is right, since there calls cost more than arithmetic."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from softlabel.labels import LabelDistribution, Sparse
from softlabel.labels.checks import none_ignored
from softlabel.losses.engine.reduction import SumAndMass, Way
from softlabel.losses.engine.target import batch_shape

LIMIT = 2**17
"""Elements of the logits up to which PyTorch is at least as fast (benchmarks/losses.py)."""
INDEX_LIMIT = 2**18
"""The same for one class per element without smoothing."""

_DTYPES = (torch.float32, torch.float64)
Form = tuple[Tensor, float] | None


def delegated(
    logits: Tensor,
    target: Tensor | LabelDistribution,
    weight: Tensor | None,
    ignore_index: int,
    reduction: Way,
) -> Tensor | SumAndMass | None:
    """The loss by PyTorch, or None where it does not apply: an element is ignored, or the result is not finite.

    (PyTorch gives NaN without any mass and where minus infinity meets a probability of 0.)
    """
    size = logits.numel()
    axis = 1 if logits.ndim > 1 else 0
    if not 0 < size <= INDEX_LIMIT or logits.dtype not in _DTYPES or not logits.is_contiguous():
        return None
    if size > LIMIT and not is_index(target):
        return None
    if isinstance(target, Tensor) and target.dtype is torch.int64 and reduction != "sum_and_mass":
        form: Form = (target, 0.0) if target.shape == batch_shape(logits, axis) else None
    else:
        ignore_index, form = -100, torch_form(logits, target, ignore_index, axis)
    if form is None:
        return None
    torch_target, smoothing = form
    if weight is not None and not plain_weight(weight, torch_target, smoothing):
        return None
    how = "sum" if reduction == "sum_and_mass" else reduction
    value = F.cross_entropy(
        logits, torch_target, weight, ignore_index=ignore_index, reduction=how, label_smoothing=smoothing
    )
    if not math.isfinite((value.sum() if reduction == "none" else value).item()):
        return None
    if reduction != "sum_and_mass":
        return value
    rows = size // logits.shape[axis]
    return SumAndMass(value, value.new_full((), rows) if weight is None else weight[torch_target].sum())


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
