"""Whatever is given as a target, as a label distribution that fits the logits."""

from __future__ import annotations

import torch
from torch import Tensor

from softlabel.labels import Dense, LabelDistribution, hard


def class_axis(logits: Tensor) -> int:
    """Axis 1 of (N, K, ...), or axis 0 of a single (K,)."""
    if logits.ndim == 0:
        raise ValueError("logits have no axes, expected (K,), (N, K) or (N, K, ...)")
    return 1 if logits.ndim > 1 else 0


def batch_shape(logits: Tensor, axis: int) -> torch.Size:
    """The shape of the logits without their classes."""
    return logits.shape[:-1] if logits.ndim == axis + 1 else logits.shape[:axis] + logits.shape[axis + 1 :]


def check_kind(target: object) -> None:
    if not isinstance(target, Tensor | LabelDistribution):
        raise TypeError(f"target is {type(target).__name__}, expected a tensor or a label distribution")


def as_label(target: Tensor | LabelDistribution, logits: Tensor, ignore_index: int) -> LabelDistribution:
    """An integer tensor becomes hard labels, a floating one dense labels; shapes are checked, values are not.

    Raises ValueError naming both shapes, TypeError for another kind of target.
    """
    axis = class_axis(logits)
    num_classes = logits.shape[axis]
    expected = batch_shape(logits, axis)
    if isinstance(target, LabelDistribution):
        label = target
    elif target.is_floating_point():
        if target.shape != logits.shape:
            raise ValueError(
                f"target of probabilities has shape {tuple(target.shape)}, expected that of the logits,"
                f" {tuple(logits.shape)} (classes on axis {axis})"
            )
        label = Dense(target.movedim(axis, -1))
    else:
        label = hard(target, num_classes, ignore_index=ignore_index, validate=False)
    if label.shape != expected or label.num_classes != num_classes:
        raise ValueError(
            f"target has shape {tuple(label.shape)} over {label.num_classes} classes, but logits of shape"
            f" {tuple(logits.shape)} (classes on axis {axis}) expect {tuple(expected)} over {num_classes}"
        )
    return label


def align_class_mask(class_mask: Tensor, logits: Tensor, axis: int) -> Tensor:
    """A bool tensor (K,) or of the logits' shape, with its classes on the last axis."""
    if class_mask.dtype != torch.bool:
        raise TypeError(f"class_mask is {class_mask.dtype}, expected bool (True: the class takes part)")
    if class_mask.shape == (logits.shape[axis],):
        return class_mask
    if class_mask.shape == logits.shape:
        return class_mask.movedim(axis, -1)
    raise ValueError(
        f"class_mask has shape {tuple(class_mask.shape)}, expected ({logits.shape[axis]},) or {tuple(logits.shape)}"
    )
