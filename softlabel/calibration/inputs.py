"""What the functions of this folder accept, checked and brought into one form.

Predictions have the class axis second, (N, K) or (N, K, ...), as in PyTorch's losses. Labels are class indices
(N, ...), probabilities in the predictions' layout, or a label distribution of batch shape (N, ...).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from softlabel.labels import LabelDistribution, dense, hard
from softlabel.labels.amounts import accumulation_dtype

Labels = Tensor | LabelDistribution
HALVES = (torch.bfloat16, torch.float16)
HALF_ROUNDING = 0.02
"""More than the sum of a softmax moves by rounding to bfloat16, which keeps each share to 1 / 512 of itself."""


def as_predictions(predictions: Any, name: str) -> Tensor:
    """A floating tensor (N, K, ...), float32 at least; NumPy arrays are welcome."""
    tensor = torch.as_tensor(predictions).detach()
    if not tensor.is_floating_point():
        raise TypeError(f"{name} are {tensor.dtype}, expected a floating dtype")
    if tensor.ndim < 2:
        raise ValueError(f"{name} have shape {tuple(tensor.shape)}, expected (N, K) or (N, K, ...)")
    return tensor.to(accumulation_dtype(tensor.dtype))


def as_labels(labels: Any, predictions: Tensor) -> Labels:
    """Labels whose shape goes with predictions (N, K, ...)."""
    if isinstance(labels, LabelDistribution):
        found, expected = (*labels.shape, labels.num_classes), _class_last(predictions.shape)
        if found != expected:
            raise ValueError(f"labels are of shape {found} with the classes last, expected {expected}")
        return labels
    tensor = torch.as_tensor(labels).detach()
    without_classes = (predictions.shape[0], *predictions.shape[2:])
    expected = tuple(predictions.shape) if tensor.is_floating_point() else without_classes
    if tuple(tensor.shape) != expected:
        kind = "probabilities" if tensor.is_floating_point() else "classes"
        raise ValueError(f"labels ({kind}) have shape {tuple(tensor.shape)}, expected {expected}")
    return tensor if tensor.is_floating_point() else tensor.long()


def as_distribution(labels: Labels, num_classes: int, ignore_index: int, *, validate: bool) -> LabelDistribution:
    """Labels as a label distribution of batch shape (N, ...)."""
    if isinstance(labels, LabelDistribution):
        return labels
    if labels.is_floating_point():
        return dense(labels.movedim(1, -1), validate=validate)
    return hard(labels, num_classes, ignore_index=ignore_index, validate=validate)


def as_truth(labels: Labels, num_classes: int, ignore_index: int) -> Tensor:
    """Labels as `softlabel.truth.read` takes them: classes (M,), below 0 where ignored, or probabilities (M, K).

    Raises ValueError with the first row that is no class, or whose probabilities do not sum to 1.
    """
    label = as_distribution(labels, num_classes, ignore_index, validate=True)
    if isinstance(labels, Tensor) and not labels.is_floating_point():
        return torch.where(labels == ignore_index, -1, labels).flatten()
    return label.dense().reshape(-1, num_classes)


def as_probabilities(probabilities: Any, *, validate: bool = True) -> Tensor:
    """Probabilities (N, K, ...), float32 at least; rows are looked at unless told not to.

    Raises ValueError with the first row that does not lie in [0, 1] or sum to 1, and names the usual mistake.
    """
    found = as_predictions(probabilities, "probabilities")
    if validate:
        _check_probabilities(found, torch.as_tensor(probabilities).dtype)
    return found


def _check_probabilities(probabilities: Tensor, given: torch.dtype) -> None:
    tolerance = 1e-3 if probabilities.dtype == torch.float32 else 1e-6
    sums = probabilities.sum(1, dtype=torch.float64)
    good = ((sums - 1).abs() <= tolerance) & (probabilities >= 0).all(1)
    if not bool(good.all()):
        row = (~good).nonzero()[0].tolist()
        place = ", ".join(map(str, row))
        total, smallest = sums[tuple(row)].item(), probabilities.movedim(1, -1)[tuple(row)].min().item()
        rounded = given in HALVES and smallest >= 0 and abs(total - 1) < HALF_ROUNDING
        hint = (
            f"They are {given}, which rounds too much: take softmax(dim=1) of logits.float(), or give "
            "StreamingCalibrationError the logits."
            if rounded
            else "For logits take softmax(dim=1) first."
        )
        raise ValueError(
            f"probabilities, row {place}: sums to {total:.6g} with smallest value {smallest:.6g}, "
            f"expected numbers from 0 that sum to 1. {hint}"
        )


def check_labels(labels: Labels, num_classes: int, ignore_index: int) -> None:
    """Classes lie in [0, K) or are ignored; probabilities sum to 1. Raises ValueError with the first bad row."""
    as_distribution(labels, num_classes, ignore_index, validate=True)


def _class_last(shape: torch.Size) -> tuple[int, ...]:
    return (shape[0], *shape[2:], shape[1])
