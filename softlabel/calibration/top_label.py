"""Confidence and correctness of the predicted class: what top-label calibration errors compare."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from softlabel.calibration.inputs import Labels
from softlabel.confidence_bins import WIDTH
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
    confidence, predicted = probabilities.max(1, keepdim=True)
    return _against(confidence, predicted, labels, ignore_index)


def of_logits(logits: Tensor, labels: Labels, ignore_index: int) -> TopLabel:
    """The top label of logits (N, K, ...), without writing the softmax out: the largest one is 1 / sum exp(z - max)."""
    top, predicted = logits.max(1, keepdim=True)
    confidence = (logits - top).exp_().sum(1, keepdim=True).reciprocal_()
    return _against(confidence, predicted, labels, ignore_index)


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
