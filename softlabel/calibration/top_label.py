"""Confidence and correctness of the predicted class: what top-label calibration errors compare."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from softlabel.calibration.inputs import Labels
from softlabel.labels import LabelDistribution
from softlabel.labels.amounts import accumulation_dtype
from softlabel.statistic import Contribution
from softlabel.truth import Truth


class TopLabel(NamedTuple):
    """Per element, each flat (M,): confidence in its own precision, correctness and mass (0: ignored) in float64.

    Correctness is 0 or 1 for a class, and the label's probability of the predicted class for a distribution.
    """

    confidence: Tensor
    correct: Tensor
    mass: Tensor


def of_probabilities(probabilities: Tensor, labels: Labels, ignore_index: int) -> TopLabel:
    """The top label of probabilities (N, K, ...)."""
    predicted = _first_largest(probabilities)
    return _against_labels(probabilities.gather(1, predicted), predicted, labels, ignore_index)


def of_logits(logits: Tensor, labels: Labels, ignore_index: int) -> TopLabel:
    """The top label of logits (N, K, ...)."""
    predicted = _first_largest(logits)
    return _against_labels(logits.softmax(1).gather(1, predicted), predicted, labels, ignore_index)


def of_log_confidence(log_confidence: Tensor, predicted: Tensor, true: Truth) -> TopLabel:
    """The top label of rows whose largest log-probability (N,) is that of class `predicted` (N,)."""
    return TopLabel(log_confidence.exp(), true.probability_of(predicted), true.mass)


def most_probable(log_probabilities: Tensor, axis: int = -1) -> tuple[Tensor, Tensor]:
    """The largest log-probability along the axis of classes, in float32 at least, and its class."""
    log_confidence, predicted = log_probabilities.max(axis)
    return log_confidence.to(accumulation_dtype(log_confidence.dtype)), predicted


def binned(top: TopLabel, cell: Tensor) -> Contribution:
    """Confidence, correctness and 1 of each element (M, 3), in its cell (M,); zeros where it is ignored."""
    confidence = torch.where(top.mass > 0, top.confidence.double(), 0.0)
    return Contribution(cell, torch.stack([confidence, top.correct, top.mass], -1))


def _against_labels(confidence: Tensor, predicted: Tensor, labels: Labels, ignore_index: int) -> TopLabel:
    flat = confidence.flatten()
    if isinstance(labels, LabelDistribution):
        correct = labels.dense().movedim(-1, 1).gather(1, predicted).flatten().double()
        return TopLabel(flat, correct, labels.mass.flatten().double())
    if labels.is_floating_point():
        return TopLabel(
            flat, labels.gather(1, predicted).flatten().double(), torch.ones_like(flat, dtype=torch.float64)
        )
    mass = (labels != ignore_index).flatten().double()
    return TopLabel(flat, (labels.flatten() == predicted.flatten()) * mass, mass)


def _first_largest(scores: Tensor) -> Tensor:
    """The class with the largest score, the first of equals: (N, K, ...) -> (N, 1, ...)."""
    if scores.device.type == "cpu" and scores.ndim == 2 and scores.numel():
        return torch.from_numpy(scores.numpy().argmax(1))[:, None]  # a third of the time of PyTorch's
    return scores.argmax(1, keepdim=True)
