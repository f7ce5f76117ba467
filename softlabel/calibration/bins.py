"""Confidence against correctness in bins: what every calibration error and reliability diagram is computed from.

All functions read sums (..., bins, 3) in float64: the sum of confidences, the sum of correctness, the number of rows.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from softlabel.wilson import wilson_interval

CONFIDENCE, CORRECT, COUNT = 0, 1, 2
WIDTH = 3


def bin_of(confidence: Tensor, num_bins: int) -> Tensor:
    """The bin of each confidence, int64: num_bins equal, right-closed ones; 0 belongs to the first, 1 to the last.

    The edges are rounded to the confidences' own precision, so that 0.2 lies on the edge 3/15 in float32 too.
    """
    edges = torch.arange(1, num_bins, dtype=torch.float64, device=confidence.device) / num_bins
    return torch.bucketize(confidence.contiguous(), edges.to(confidence.dtype))


def checked_bins(num_bins: int) -> int:
    """The number of bins. Raises ValueError below 1."""
    if num_bins < 1:
        raise ValueError(f"num_bins is {num_bins}, expected a whole number from 1")
    return num_bins


def equal_mass(sums: Tensor, num_bins: int) -> Tensor:
    """Join cells, in order of confidence, into bins of about equally many rows: (..., cells, 3) -> (..., bins, 3).

    A cell is never split: it goes to the bin in which its first row falls.
    """
    filled = (sums[..., COUNT] > 0).reshape(sums.shape[:-2].numel(), sums.shape[-2]).any(0)
    sums = sums[..., filled, :]
    count = sums[..., COUNT]
    before = count.cumsum(-1) - count
    total = count.sum(-1, keepdim=True)
    position = (before * num_bins / total).nan_to_num(0.0).floor().long().clamp_(max=num_bins - 1)
    bins = sums.new_zeros((*sums.shape[:-2], num_bins, WIDTH))
    return bins.scatter_add_(-2, position[..., None].expand(sums.shape), sums)


@dataclass(frozen=True)
class ReliabilityBin:
    """One bin of a reliability diagram.

    low, high                    edges of the bin; the upper one belongs to it
    confidence, accuracy         means over the bin's rows; NaN where it has none
    accuracy_low, accuracy_high  95 % interval of the accuracy (Wilson 1927)
    Source: Guo et al. 2017, section 2.

    >>> import torch
    >>> import softlabel as sl
    >>> probabilities = torch.tensor([[0.9, 0.1]]).repeat(4, 1)
    >>> labels = torch.tensor([0, 0, 0, 1])
    >>> (one,) = sl.calibration.reliability_curve(probabilities, labels, num_bins=1)
    >>> round(one.confidence, 2), one.accuracy, round(one.accuracy_low, 2), round(one.accuracy_high, 2)
    (0.9, 0.75, 0.3, 0.95)
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float
    accuracy_low: float
    accuracy_high: float

    def to_json(self) -> dict[str, float | int | None]:
        """The fields by name, with None in place of NaN."""
        return {name: None if math.isnan(value) else value for name, value in asdict(self).items()}


def reliability(sums: Tensor) -> list[ReliabilityBin]:
    """The bins of a reliability diagram from sums (bins, 3), empty ones included."""
    num_bins = len(sums)
    rows = sums.tolist()
    return [
        _reliability_bin(index / num_bins, (index + 1) / num_bins, confidence, correct, count)
        for index, (confidence, correct, count) in enumerate(rows)
    ]


def _reliability_bin(low: float, high: float, confidence: float, correct: float, count: float) -> ReliabilityBin:
    if count == 0:
        return ReliabilityBin(low, high, 0, *[math.nan] * 4)
    accuracy = correct / count
    return ReliabilityBin(low, high, round(count), confidence / count, accuracy, *wilson_interval(accuracy, count))
