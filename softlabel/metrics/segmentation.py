"""Scores of masks; a row is an image, so that intervals come from other images and not from other pixels.

Log-probabilities (N, K, H, W), truth (N, H, W) uint8 classes, 255 for void, which is scored nowhere. With `boundary`
only pixels within that many pixels of a boundary count (see `near_boundary`).
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from softlabel.calibration.bins import bin_of
from softlabel.calibration.ece import ExpectedCalibrationError
from softlabel.calibration.top_label import most_probable
from softlabel.metrics.boundary import VOID, near_boundary
from softlabel.metrics.row_mean import RowMean
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


class _PixelMean(RowMean):
    """A mean over pixels: an image adds the sum over its scored pixels, and their number."""

    def __init__(self, boundary: int | None = None) -> None:
        self.boundary = boundary
        self.name, self.title = _named(self.name, self.title, boundary)

    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        scored = _scored(truth, self.boundary)
        sums = torch.where(scored, self._of_pixels(log_probabilities, truth), 0.0).sum((1, 2))
        values = torch.stack([sums, scored.sum((1, 2)).double()], -1)
        return Contribution(torch.zeros(len(truth), dtype=torch.int64, device=truth.device), values)

    def _of_pixels(self, log_probabilities: Tensor, truth: Tensor) -> Tensor:
        """The number of each pixel, (N, H, W) float64; that of void is not read."""
        raise NotImplementedError


class PixelAccuracy(_PixelMean):
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

    def _of_pixels(self, log_probabilities: Tensor, truth: Tensor) -> Tensor:
        return (log_probabilities.argmax(1) == truth).double()


class PixelLikelihood(_PixelMean):
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

    def _of_pixels(self, log_probabilities: Tensor, truth: Tensor) -> Tensor:
        index = truth.long().masked_fill(truth == VOID, 0)
        return -log_probabilities.gather(1, index[:, None])[:, 0].double()


class PixelCalibrationError(ExpectedCalibrationError):
    """ECE over pixels, in equal-width, right-closed bins of the largest probability (Guo et al. 2017, eq. 3).

    >>> import torch
    >>> from softlabel.metrics.segmentation import PixelCalibrationError
    >>> from softlabel.metrics.ranking import stream
    >>> score = stream(PixelCalibrationError())
    >>> score.update(torch.tensor([[[[0.9, 0.8, 0.4]], [[0.1, 0.2, 0.6]]]]).log(), torch.tensor([[[0, 1, 1]]]).byte())
    >>> round(score.compute(), 3)  # (|1 - 0.9| + |0 - 0.8| + |1 - 0.6|) / 3
    0.433
    """

    def __init__(self, num_bins: int = 15, boundary: int | None = None) -> None:
        super().__init__(num_bins)
        self.boundary = boundary
        self.name, self.title = _named(self.name, self.title, boundary)

    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        scored = _scored(truth, self.boundary)
        log_confidence, predicted = most_probable(log_probabilities, axis=1)
        confidence = log_confidence.exp()
        index = bin_of(confidence, self.num_cells)
        sums = [
            _histogram(index, scored, self.num_cells, confidence),
            _histogram(index, scored & (predicted == truth), self.num_cells),
            _histogram(index, scored, self.num_cells),
        ]
        cell = torch.arange(self.num_cells, device=truth.device).expand(len(truth), -1)
        return Contribution(cell, torch.stack(sums, -1))


def _named(name: str, title: str, boundary: int | None) -> tuple[str, str]:
    if boundary is None:
        return name, title
    return f"{name}_within_{boundary}", f"{title} within {boundary} px of a boundary"


def _scored(truth: Tensor, boundary: int | None) -> Tensor:
    """Which pixels count, (N, H, W) bool."""
    return truth != VOID if boundary is None else near_boundary(truth, boundary)


def _histogram(index: Tensor, scored: Tensor, num_cells: int, weight: Tensor | None = None) -> Tensor:
    """Per image the number, or the summed weight, of scored pixels of each index: (N, num_cells) float64."""
    image = torch.arange(len(index), device=index.device)[:, None, None]
    flat = (image * num_cells + index)[scored]
    counts = torch.bincount(flat, None if weight is None else weight[scored].double(), len(index) * num_cells)
    return counts.double().view(len(index), num_cells)
