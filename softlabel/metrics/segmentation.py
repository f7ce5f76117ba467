"""Scores of masks; a row is an image, so that intervals come from other images and not from other pixels.

Log-probabilities (N, K, H, W), truth (N, H, W) uint8 classes, 255 for void, which is scored nowhere. With `boundary`
only pixels within that many pixels of a boundary count (see `near_boundary`).
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from softlabel.calibration import bins as confidence_bins
from softlabel.metrics.boundary import VOID, near_boundary
from softlabel.statistic import Contribution, Statistic

INTERSECTION, TRUE, PREDICTED = 0, 1, 2


class MeanIntersectionOverUnion(Statistic):
    """mIoU: the mean over classes of their pixels' intersection over union, summed over all images.

    A class that is neither in the truth nor in a prediction is left out of the mean.
    Source: Long, Shelhamer and Darrell, CVPR 2015, section 5.

    >>> import torch
    >>> from softlabel.metrics.segmentation import MeanIntersectionOverUnion
    >>> from softlabel.metrics.ranking import stream
    >>> score = stream(MeanIntersectionOverUnion(2))
    >>> score.update(torch.tensor([[[[0.9, 0.8, 0.4]], [[0.1, 0.2, 0.6]]]]).log(), torch.tensor([[[0, 1, 1]]]).byte())
    >>> round(score.compute(), 3)  # 1 of 2 pixels for either class
    0.5
    """

    name = "miou"
    title = "mIoU"
    better = "higher"
    calibration = False
    width = 3

    def __init__(self, num_classes: int, boundary: int | None = None) -> None:
        self.num_cells = num_classes
        self.boundary = boundary
        self.name, self.title = _named(self.name, self.title, boundary)

    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        scored = _scored(truth, self.boundary)
        predicted, true = log_probabilities.argmax(1), truth.long()
        counts = [
            _histogram(true, scored & (predicted == true), self.num_cells),
            _histogram(true, scored, self.num_cells),
            _histogram(predicted, scored, self.num_cells),
        ]
        cell = torch.arange(self.num_cells, device=truth.device).expand(len(truth), -1)
        return Contribution(cell, torch.stack(counts, -1))

    def value(self, sums: Tensor) -> Tensor:
        per_class = self.per_class(sums)
        found = ~per_class.isnan()
        return torch.where(found, per_class, 0.0).sum(-1) / found.sum(-1)

    def per_class(self, sums: Tensor) -> Tensor:
        """The intersection over union of each class (..., K); NaN for one that is nowhere."""
        union = sums[..., TRUE] + sums[..., PREDICTED] - sums[..., INTERSECTION]
        return sums[..., INTERSECTION] / union


class PixelAccuracy(Statistic):
    """The share of pixels of the right class, over all images.

    Source: Long, Shelhamer and Darrell, CVPR 2015, section 5.

    >>> import torch
    >>> from softlabel.metrics.segmentation import PixelAccuracy
    >>> from softlabel.metrics.ranking import stream
    >>> score = stream(PixelAccuracy())
    >>> score.update(torch.tensor([[[[0.9, 0.8, 0.4]], [[0.1, 0.2, 0.6]]]]).log(), torch.tensor([[[0, 1, 1]]]).byte())
    >>> round(score.compute(), 3)  # two of three pixels
    0.667
    """

    name = "pixel_accuracy"
    title = "pixel accuracy"
    better = "higher"
    calibration = False
    num_cells = 1
    width = 2

    def __init__(self, boundary: int | None = None) -> None:
        self.boundary = boundary
        self.name, self.title = _named(self.name, self.title, boundary)

    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        scored = _scored(truth, self.boundary)
        return _per_image((log_probabilities.argmax(1) == truth).double(), scored)

    def value(self, sums: Tensor) -> Tensor:
        return sums[..., 0, 0] / sums[..., 0, 1]


class PixelLikelihood(Statistic):
    """The mean over pixels of -log p of the true class, in nats.

    Source: the logarithmic score of Good (1952).

    >>> import torch
    >>> from softlabel.metrics.segmentation import PixelLikelihood
    >>> from softlabel.metrics.ranking import stream
    >>> score = stream(PixelLikelihood())
    >>> score.update(torch.tensor([[[[0.9, 0.8, 0.4]], [[0.1, 0.2, 0.6]]]]).log(), torch.tensor([[[0, 1, 1]]]).byte())
    >>> round(score.compute(), 3)  # -(log 0.9 + log 0.2 + log 0.6) / 3
    0.742
    """

    name = "nll"
    title = "NLL"
    better = "lower"
    bounds: ClassVar[tuple[float, float]] = (0.0, math.inf)
    num_cells = 1
    width = 2

    def __init__(self, boundary: int | None = None) -> None:
        self.boundary = boundary
        self.name, self.title = _named(self.name, self.title, boundary)

    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        index = truth.long().masked_fill(truth == VOID, 0)
        loss = -log_probabilities.gather(1, index[:, None])[:, 0].double()
        return _per_image(loss, _scored(truth, self.boundary))

    def value(self, sums: Tensor) -> Tensor:
        return sums[..., 0, 0] / sums[..., 0, 1]


class PixelCalibrationError(Statistic):
    """ECE over pixels, in equal-width, right-closed bins of the largest probability (Guo et al. 2017, eq. 3).

    >>> import torch
    >>> from softlabel.metrics.segmentation import PixelCalibrationError
    >>> from softlabel.metrics.ranking import stream
    >>> score = stream(PixelCalibrationError())
    >>> score.update(torch.tensor([[[[0.9, 0.8, 0.4]], [[0.1, 0.2, 0.6]]]]).log(), torch.tensor([[[0, 1, 1]]]).byte())
    >>> round(score.compute(), 3)  # (|1 - 0.9| + |0 - 0.8| + |1 - 0.6|) / 3
    0.433
    """

    name = "ece"
    title = "ECE"
    better = "lower"
    width = confidence_bins.WIDTH

    def __init__(self, num_bins: int = 15, boundary: int | None = None) -> None:
        self.num_cells = num_bins
        self.boundary = boundary
        self.name, self.title = _named(self.name, self.title, boundary)

    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        scored = _scored(truth, self.boundary)
        log_confidence, predicted = log_probabilities.max(1)
        wide = log_confidence if log_confidence.dtype == torch.float64 else log_confidence.float()
        confidence = wide.exp()
        index = confidence_bins.bin_of(confidence, self.num_cells)
        sums = [
            _histogram(index, scored, self.num_cells, confidence),
            _histogram(index, scored & (predicted == truth), self.num_cells),
            _histogram(index, scored, self.num_cells),
        ]
        cell = torch.arange(self.num_cells, device=truth.device).expand(len(truth), -1)
        return Contribution(cell, torch.stack(sums, -1))

    def value(self, sums: Tensor) -> Tensor:
        return confidence_bins.expected_error(sums)


def _named(name: str, title: str, boundary: int | None) -> tuple[str, str]:
    if boundary is None:
        return name, title
    return f"{name}_within_{boundary}", f"{title} within {boundary} px of a boundary"


def _scored(truth: Tensor, boundary: int | None) -> Tensor:
    """Which pixels count, (N, H, W) bool."""
    return truth != VOID if boundary is None else near_boundary(truth, boundary)


def _per_image(score: Tensor, scored: Tensor) -> Contribution:
    """The sum of the scores of each image's scored pixels, and their number."""
    sums = torch.where(scored, score, 0.0).sum((1, 2))
    values = torch.stack([sums, scored.sum((1, 2)).double()], -1)
    return Contribution(torch.zeros(len(score), dtype=torch.int64, device=score.device), values)


def _histogram(index: Tensor, scored: Tensor, num_cells: int, weight: Tensor | None = None) -> Tensor:
    """Per image the number, or the summed weight, of scored pixels of each index: (N, num_cells) float64."""
    image = torch.arange(len(index), device=index.device)[:, None, None]
    flat = (image * num_cells + index)[scored]
    counts = torch.bincount(flat, None if weight is None else weight[scored].double(), len(index) * num_cells)
    return counts.double().view(len(index), num_cells)
