"""Small batches: PyTorch's own cross-entropy, wherever it is right, since there calls cost more than arithmetic."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from softlabel.labels import LabelDistribution, Sparse
from softlabel.labels.checks import none_ignored
from softlabel.losses.reduction import Reduction, SumAndMass
from softlabel.losses.target import batch_shape

LIMIT = 2**17
"""Elements of the logits up to which PyTorch is at least as fast (benchmarks/losses.py)."""
INDEX_LIMIT = 2**18
"""The same for one class per element without smoothing."""


def delegated(
    logits: Tensor,
    target: Tensor | LabelDistribution,
    weight: Tensor | None,
    ignore_index: int,
    reduction: Reduction,
    axis: int,
) -> Tensor | SumAndMass | None:
    """The loss by PyTorch, or None where it does not apply: an element is ignored, or the result is not finite.

    (PyTorch gives NaN without any mass and where minus infinity meets a probability of 0.)
    """
    if not 0 < logits.numel() <= INDEX_LIMIT or not logits.is_contiguous():
        return None
    if logits.dtype is not torch.float32 and logits.dtype is not torch.float64:
        return None
    if logits.numel() > LIMIT and not is_index(target):
        return None
    torch_target, smoothing = torch_form(logits, target, ignore_index, axis)
    if torch_target is None:
        return None
    if weight is not None and (torch_target.is_floating_point() or smoothing):
        return None  # PyTorch would bend the label
    if weight is not None and (weight.requires_grad or weight.shape != (logits.shape[axis],)):
        return None
    how = "sum" if reduction == "sum_and_mass" else reduction
    value = F.cross_entropy(logits, torch_target, weight, reduction=how, label_smoothing=smoothing)
    if not math.isfinite((value.sum() if reduction == "none" else value).item()):
        return None
    if reduction != "sum_and_mass":
        return value
    rows = logits.numel() // logits.shape[axis]
    return SumAndMass(value, value.new_full((), rows) if weight is None else weight[torch_target].sum())


def is_index(target: Tensor | LabelDistribution) -> bool:
    """Whether the target is one class per element and nothing else."""
    if isinstance(target, Tensor):
        return target.dtype is torch.int64
    return isinstance(target, Sparse) and target.epsilon == 0


def torch_form(
    logits: Tensor, target: Tensor | LabelDistribution, ignore_index: int, axis: int
) -> tuple[Tensor | None, float]:
    """The target as PyTorch takes it, with its label_smoothing; None: no such form, or an element is ignored."""
    if not isinstance(target, Tensor):
        return form_of_label(logits, target, axis)
    if target.dtype is torch.int64:
        usable = target.shape == batch_shape(logits, axis) and none_ignored(target, ignore_index)
    else:
        usable = target.shape == logits.shape and target.dtype is logits.dtype and bool(target.sum(axis).all())
    return target if usable and not target.requires_grad else None, 0.0


def form_of_label(logits: Tensor, label: LabelDistribution, axis: int) -> tuple[Tensor | None, float]:
    """One class per element stays an index; every other label is written out, which is cheap while it is small."""
    if label.shape != batch_shape(logits, axis) or label.num_classes != logits.shape[axis]:
        return None, 0.0
    if label.mass_or_none() is not None or label.requires_grad:
        return None, 0.0
    if isinstance(label, Sparse) and label.epsilon is not None:
        return label.indices.squeeze(-1), label.epsilon
    rows = label.dense(logits.dtype)
    return rows if rows.ndim == axis + 1 else rows.movedim(-1, axis), 0.0
