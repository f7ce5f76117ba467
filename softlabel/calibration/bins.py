"""Confidence against correctness in bins: what every calibration error and reliability diagram is computed from.

All functions read sums (..., bins, 3) in float64: the sum of confidences, the sum of correctness, the number of rows.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

CONFIDENCE, CORRECT, COUNT = 0, 1, 2
WIDTH = 3


def bin_of(confidence: Tensor, num_bins: int) -> Tensor:
    """The bin of each confidence, int64: num_bins equal, right-closed ones; 0 belongs to the first, 1 to the last.

    The edges are rounded to the confidences' own precision, so that 0.2 lies on the edge 3/15 in float32 too.
    """
    edges = torch.arange(1, num_bins, dtype=torch.float64, device=confidence.device) / num_bins
    return torch.bucketize(confidence.contiguous(), edges.to(confidence.dtype))


def expected_error(sums: Tensor) -> Tensor:
    """ECE: the mean over rows of |accuracy - confidence| of their bin (Guo et al. 2017, eq. 3). NaN without rows."""
    return (sums[..., CORRECT] - sums[..., CONFIDENCE]).abs().sum(-1) / sums[..., COUNT].sum(-1)


def maximum_error(sums: Tensor) -> Tensor:
    """MCE: the largest |accuracy - confidence| of the bins that hold a row (Guo et al. 2017, eq. 5)."""
    gap = (sums[..., CORRECT] - sums[..., CONFIDENCE]).abs() / sums[..., COUNT]
    return torch.where(sums[..., COUNT].sum(-1) > 0, gap.nan_to_num(0.0).amax(-1), math.nan)


def debiased_error(sums: Tensor) -> Tensor:
    """ECE less an estimate of its upward bias from small bins (Kumar, Liang and Ma 2019, section 5).

    Twice the plug-in minus its mean when each bin's accuracy is redrawn from a normal with the bin's own spread; that
    mean of a folded normal is known in closed form, so nothing is drawn. May be negative. Where the truth is in fact
    calibrated, about 0.59 of the plug-in's bias stays: `debiased_squared_error` has none.
    """
    count = sums[..., COUNT]
    accuracy, gap = _accuracy_and_gap(sums)
    deviation = (accuracy * (1 - accuracy) / count).clamp(min=0).sqrt()
    scaled = gap / deviation
    redrawn = deviation * math.sqrt(2 / math.pi) * torch.exp(-0.5 * scaled**2) + gap * torch.erf(scaled / math.sqrt(2))
    redrawn = torch.where(deviation > 0, redrawn, gap.abs())
    return ((2 * gap.abs() - redrawn).nan_to_num(0.0) * count).sum(-1) / count.sum(-1)


def debiased_squared_error(sums: Tensor) -> Tensor:
    """The squared error without bias, sum of w (gap² - accuracy (1 - accuracy) / (n - 1)); may be negative.

    Bins of fewer than two rows are left out (Kumar, Liang and Ma 2019, section 5).
    """
    count = sums[..., COUNT]
    accuracy, gap = _accuracy_and_gap(sums)
    term = (gap**2 - accuracy * (1 - accuracy) / (count - 1)) * count
    kept = count >= 2
    error = torch.where(kept, term, 0.0).sum(-1) / count.sum(-1)
    return torch.where(kept.any(-1), error, torch.nan)


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


def wilson_interval(share: float, count: float, z: float = 1.959963984540054) -> tuple[float, float]:
    """Wilson's interval of a share seen in `count` rows; z = 1.96 for 95 %."""
    weight = 1 / (1 + z**2 / count)
    centre = weight * (share + z**2 / (2 * count))
    half = weight * z * math.sqrt(max(0.0, share * (1 - share)) / count + z**2 / (4 * count**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def _accuracy_and_gap(sums: Tensor) -> tuple[Tensor, Tensor]:
    accuracy = sums[..., CORRECT] / sums[..., COUNT]
    return accuracy, accuracy - sums[..., CONFIDENCE] / sums[..., COUNT]
