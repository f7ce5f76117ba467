"""Cross-entropy and Kullback-Leibler divergence against label distributions, at the price of hard labels."""

from __future__ import annotations

from typing import Literal, overload

from torch import Tensor

from softlabel.labels import LabelDistribution
from softlabel.labels.amounts import accumulation_dtype, per_row
from softlabel.losses.plain import plain_values, without_classes
from softlabel.losses.reduction import Reduction, SumAndMass, check_reduction, reduce
from softlabel.losses.target import as_label, class_axis


@overload
def cross_entropy(
    logits: Tensor,
    target: Tensor | LabelDistribution,
    *,
    weight: Tensor | None = None,
    sample_weight: Tensor | None = None,
    mask: Tensor | None = None,
    class_mask: Tensor | None = None,
    ignore_index: int = -100,
    reduction: Literal["none", "mean", "sum"] = "mean",
) -> Tensor: ...


@overload
def cross_entropy(
    logits: Tensor,
    target: Tensor | LabelDistribution,
    *,
    weight: Tensor | None = None,
    sample_weight: Tensor | None = None,
    mask: Tensor | None = None,
    class_mask: Tensor | None = None,
    ignore_index: int = -100,
    reduction: Literal["sum_and_mass"],
) -> SumAndMass: ...


def cross_entropy(
    logits: Tensor,
    target: Tensor | LabelDistribution,
    *,
    weight: Tensor | None = None,
    sample_weight: Tensor | None = None,
    mask: Tensor | None = None,
    class_mask: Tensor | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
) -> Tensor | SumAndMass:
    """logsumexp(logits) - <q, logits>"""
    return divergence_or_entropy(
        logits, target, weight, sample_weight, mask, class_mask, ignore_index, reduction, divergence=False
    )


@overload
def kl_divergence(
    logits: Tensor,
    target: Tensor | LabelDistribution,
    *,
    weight: Tensor | None = None,
    sample_weight: Tensor | None = None,
    mask: Tensor | None = None,
    class_mask: Tensor | None = None,
    ignore_index: int = -100,
    reduction: Literal["none", "mean", "sum"] = "mean",
) -> Tensor: ...


@overload
def kl_divergence(
    logits: Tensor,
    target: Tensor | LabelDistribution,
    *,
    weight: Tensor | None = None,
    sample_weight: Tensor | None = None,
    mask: Tensor | None = None,
    class_mask: Tensor | None = None,
    ignore_index: int = -100,
    reduction: Literal["sum_and_mass"],
) -> SumAndMass: ...


def kl_divergence(
    logits: Tensor,
    target: Tensor | LabelDistribution,
    *,
    weight: Tensor | None = None,
    sample_weight: Tensor | None = None,
    mask: Tensor | None = None,
    class_mask: Tensor | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
) -> Tensor | SumAndMass:
    """KL(q || softmax(logits)) = cross-entropy - H(q)"""
    return divergence_or_entropy(
        logits, target, weight, sample_weight, mask, class_mask, ignore_index, reduction, divergence=True
    )


def divergence_or_entropy(
    logits: Tensor,
    target: Tensor | LabelDistribution,
    weight: Tensor | None,
    sample_weight: Tensor | None,
    mask: Tensor | None,
    class_mask: Tensor | None,
    ignore_index: int,
    reduction: Reduction,
    *,
    divergence: bool,
) -> Tensor | SumAndMass:
    check_reduction(reduction)
    label = as_label(target, logits, ignore_index)
    rows = logits.movedim(class_axis(logits), -1)
    if class_mask is not None:
        class_mask = class_mask if class_mask.ndim == 1 else class_mask.movedim(class_axis(logits), -1)
        rows, label = without_classes(rows, label, class_mask)
    mass = label.mass.to(accumulation_dtype(logits.dtype))
    if weight is not None:
        mass = mass * label.expectation(weight)
    if sample_weight is not None:
        mass = mass * per_row(sample_weight, label.shape, "sample_weight")
    if mask is not None:
        mass = mass * per_row(mask, label.shape, "mask")
    return reduce(plain_values(rows, label, mass, divergence), mass, reduction)
