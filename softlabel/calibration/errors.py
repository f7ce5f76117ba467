"""Calibration errors of a whole set of predictions.

In all of them: probabilities (N, K) or (N, K, ...); labels class indices (N, ...), negative ones equal to
`ignore_index` left out, or probabilities in the same layout, or a label distribution of batch shape (N, ...). A
label that is a distribution is correct to the extent that it gives the predicted class probability. The result is a
float, NaN when nothing is left to measure. ValueError names the first row that is no probability or no class.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from softlabel.calibration.bins import ReliabilityBin
from softlabel.calibration.classwise_ece import ClasswiseCalibrationError
from softlabel.calibration.ece import (
    AdaptiveCalibrationError,
    DebiasedCalibrationError,
    DebiasedSquaredCalibrationError,
    ExpectedCalibrationError,
    MaximumCalibrationError,
)
from softlabel.calibration.inputs import as_labels, as_probabilities, as_truth, check_labels
from softlabel.calibration.top_label import TopLabel, binned, of_probabilities
from softlabel.statistic import add_rows, total
from softlabel.truth import read

IGNORE_INDEX = -100
DEBIASED = {"l1": DebiasedCalibrationError, "l2": DebiasedSquaredCalibrationError}


def expected_calibration_error(
    probabilities: Any, labels: Any, num_bins: int = 15, *, ignore_index: int = IGNORE_INDEX
) -> float:
    """Mean |accuracy - confidence| over equal-width, right-closed bins (Guo et al. 2017, eq. 3).

    Even a calibrated model has a positive value, of the order of sqrt(bins / N): see `debiased_calibration_error`.

    >>> import torch
    >>> import softlabel as sl
    >>> probabilities = torch.tensor([[0.9, 0.1]]).repeat(4, 1)  # 90 % sure
    >>> labels = torch.tensor([0, 0, 0, 1])  # right in 75 %
    >>> round(sl.calibration.expected_calibration_error(probabilities, labels), 3)
    0.15
    """
    return _measured(ExpectedCalibrationError(num_bins), probabilities, labels, ignore_index)


def maximum_calibration_error(
    probabilities: Any, labels: Any, num_bins: int = 15, *, ignore_index: int = IGNORE_INDEX
) -> float:
    """Largest |accuracy - confidence| of the bins that hold a row (Guo et al. 2017, eq. 5).

    >>> import torch
    >>> import softlabel as sl
    >>> probabilities = torch.tensor([[0.9, 0.1]] * 9 + [[0.6, 0.4]])
    >>> labels = torch.tensor([0] * 8 + [1, 1])  # the one prediction in the lower bin is wrong
    >>> round(sl.calibration.expected_calibration_error(probabilities, labels), 3)
    0.07
    >>> round(sl.calibration.maximum_calibration_error(probabilities, labels), 3)
    0.6
    """
    return _measured(MaximumCalibrationError(num_bins), probabilities, labels, ignore_index)


def debiased_calibration_error(
    probabilities: Any,
    labels: Any,
    num_bins: int = 15,
    *,
    norm: Literal["l1", "l2"] = "l1",
    ignore_index: int = IGNORE_INDEX,
) -> float:
    """Calibration error less its bias from small bins (Kumar, Liang and Ma 2019, section 5); may be negative.

    l1  comparable with the ECE; removes about 0.4 of the bias where the model is calibrated, more where it is not
    l2  the squared error sum of w gap², without bias

    >>> import torch
    >>> import softlabel as sl
    >>> probabilities = torch.tensor([[0.9, 0.1]]).repeat(4, 1)
    >>> labels = torch.tensor([0, 0, 0, 1])
    >>> round(sl.calibration.debiased_calibration_error(probabilities, labels), 3)  # four rows: the ECE is 0.15
    0.087
    """
    if norm not in DEBIASED:
        raise ValueError(f"norm is {norm!r}, expected 'l1' or 'l2'")
    return _measured(DEBIASED[norm](num_bins), probabilities, labels, ignore_index)


def adaptive_calibration_error(
    probabilities: Any, labels: Any, num_bins: int = 15, *, ignore_index: int = IGNORE_INDEX
) -> float:
    """ECE over bins of equally many rows (Nguyen and O'Connor 2015); equal confidences share a bin.

    Needs all rows at once. `calibration.ece.AdaptiveCalibrationError` streams, and rounds confidences a little.

    >>> import torch
    >>> import softlabel as sl
    >>> probabilities = torch.tensor([[0.9, 0.1]] * 4 + [[0.95, 0.05]] * 4)
    >>> labels = torch.tensor([0, 0, 0, 1, 0, 0, 0, 0])
    >>> round(sl.calibration.expected_calibration_error(probabilities, labels, num_bins=2), 3)  # one bin for both
    0.05
    >>> round(sl.calibration.adaptive_calibration_error(probabilities, labels, num_bins=2), 3)
    0.1
    """
    top = _top_label(probabilities, labels, ignore_index)
    levels, level = torch.unique(top.confidence, return_inverse=True)
    contribution = binned(top, level)
    sums = contribution.values.new_zeros(len(levels), AdaptiveCalibrationError.width)
    add_rows(sums, contribution)
    return float(AdaptiveCalibrationError(num_bins).value(sums))


def classwise_calibration_error(
    probabilities: Any, labels: Any, num_bins: int = 15, *, ignore_index: int = IGNORE_INDEX
) -> float:
    """Mean over classes of the binned |frequency - mean probability| (Kull et al. 2019, section 2).

    >>> import torch
    >>> import softlabel as sl
    >>> probabilities = torch.tensor([[0.6, 0.3, 0.1]]).repeat(10, 1)
    >>> labels = torch.tensor([0] * 6 + [2] * 4)  # right about class 0, wrong about classes 1 and 2
    >>> round(sl.calibration.expected_calibration_error(probabilities, labels), 3)
    0.0
    >>> round(sl.calibration.classwise_calibration_error(probabilities, labels), 3)
    0.2
    """
    predictions = as_probabilities(probabilities)
    num_classes = predictions.shape[1]
    truth = as_truth(as_labels(labels, predictions), num_classes, ignore_index)
    error = ClasswiseCalibrationError(num_classes, num_bins)
    rows = predictions.movedim(1, -1).reshape(-1, num_classes)
    return float(error.value(total(error, error.of_probabilities(rows, read(truth)))))


def reliability_curve(
    probabilities: Any, labels: Any, num_bins: int = 15, *, ignore_index: int = IGNORE_INDEX
) -> list[ReliabilityBin]:
    """The bins of a reliability diagram: edges, rows, mean confidence, accuracy and its 95 % interval.

    Empty bins are there too, with count 0 and NaN, so that nobody draws them as data unawares.
    Source: Niculescu-Mizil and Caruana, ICML 2005; Guo et al. 2017, section 2.

    >>> import torch
    >>> import softlabel as sl
    >>> probabilities = torch.tensor([[0.9, 0.1]]).repeat(4, 1)
    >>> labels = torch.tensor([0, 0, 0, 1])
    >>> curve = sl.calibration.reliability_curve(probabilities, labels)
    >>> [(round(one.confidence, 2), round(one.accuracy, 2), one.count) for one in curve if one.count]
    [(0.9, 0.75, 4)]
    """
    error = ExpectedCalibrationError(num_bins)
    return error.reliability(_sums(error, probabilities, labels, ignore_index))


def _measured(error: ExpectedCalibrationError, probabilities: Any, labels: Any, ignore_index: int) -> float:
    return float(error.value(_sums(error, probabilities, labels, ignore_index)))


def _sums(error: ExpectedCalibrationError, probabilities: Any, labels: Any, ignore_index: int) -> Tensor:
    return total(error, error.of_top_label(_top_label(probabilities, labels, ignore_index)))


def _top_label(probabilities: Any, labels: Any, ignore_index: int) -> TopLabel:
    predictions = as_probabilities(probabilities)
    found = as_labels(labels, predictions)
    check_labels(found, predictions.shape[1], ignore_index)
    return of_probabilities(predictions, found, ignore_index)
