"""Confidence and correctness of the predicted class: what top-label calibration errors compare."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from softlabel.calibration.bins import WIDTH
from softlabel.calibration.inputs import Labels
from softlabel.labels import LabelDistribution


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
    return _against(probabilities.gather(1, predicted), predicted, labels, ignore_index)


def of_logits(logits: Tensor, labels: Labels, ignore_index: int) -> TopLabel:
    """The top label of logits (N, K, ...)."""
    predicted = _first_largest(logits)
    return _against(logits.softmax(1).gather(1, predicted), predicted, labels, ignore_index)


def bin_sums(top: TopLabel, cell: Tensor, num_cells: int) -> Tensor:
    """Sums (num_cells, 3) of confidence, correctness and rows, by the cell (M,) of each element."""
    values = torch.stack([top.confidence.double() * top.mass, top.correct, top.mass], -1)
    return values.new_zeros(num_cells, WIDTH).index_add_(0, cell, values)


def _against(confidence: Tensor, predicted: Tensor, labels: Labels, ignore_index: int) -> TopLabel:
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
