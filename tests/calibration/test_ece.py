"""Every calibration error of the predicted class is one statistic: its twin's, a whole set's and a stream's."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from softlabel import calibration
from softlabel.calibration.ece import (
    AdaptiveCalibrationError,
    DebiasedCalibrationError,
    DebiasedSquaredCalibrationError,
    ExpectedCalibrationError,
    MaximumCalibrationError,
)
from softlabel.statistic import Statistic, StreamingStatistic, total
from tests.metrics.laws import (
    check_ignored_rows,
    check_nothing_to_score,
    check_streaming,
    check_weights,
    rows,
    score,
)
from tests.oracle import calibration as oracle

ORACLES: list[tuple[Statistic, Callable[[np.ndarray, np.ndarray], float], float]] = [
    (ExpectedCalibrationError(), oracle.ece, 1e-12),
    (MaximumCalibrationError(), oracle.mce, 1e-12),
    (DebiasedSquaredCalibrationError(), oracle.debiased_squared, 1e-12),
    (DebiasedCalibrationError(), oracle.debiased, 4e-4),
    (AdaptiveCalibrationError(), oracle.adaptive, 5e-3),
]
"""The last number: drawn normals and rounded log-odds are not exact."""
STATISTICS = [statistic for statistic, *_ in ORACLES]
each_score = pytest.mark.parametrize("statistic", STATISTICS, ids=[statistic.name for statistic in STATISTICS])
each_truth = pytest.mark.parametrize("truth_kind", ["class", "distribution"])


@pytest.mark.parametrize(("statistic", "twin", "tolerance"), ORACLES, ids=[one.name for one in STATISTICS])
@each_truth
def test_equals_its_twin(statistic: Statistic, twin: Callable[..., float], tolerance: float, truth_kind: str) -> None:
    log_probabilities, truth, q = rows(truth_kind, 1500)
    expected = twin(log_probabilities.exp().numpy(), q)
    assert score(statistic, log_probabilities, truth) == pytest.approx(expected, abs=tolerance)


@each_score
@each_truth
def test_keeps_the_laws_of_scores(statistic: Statistic, truth_kind: str) -> None:
    log_probabilities, truth, _ = rows(truth_kind)
    check_streaming(statistic, log_probabilities, truth)
    check_weights(statistic, log_probabilities, truth)
    check_ignored_rows(statistic, log_probabilities, truth)
    ignored = torch.zeros_like(truth) if truth.is_floating_point() else torch.full_like(truth, -1)
    check_nothing_to_score(statistic, log_probabilities, ignored)


@each_score
def test_a_class_is_its_one_hot_distribution(statistic: Statistic) -> None:
    log_probabilities, truth, q = rows("class")
    hard, soft = (total(statistic, statistic.contribute(log_probabilities, t)) for t in (truth, torch.from_numpy(q)))
    assert torch.equal(hard, soft)


@each_score
def test_half_precision_and_impossible_classes(statistic: Statistic) -> None:
    log_probabilities, truth, _ = rows("class")
    log_probabilities[:, 4] = -math.inf
    truth[truth == 4] = 0
    log_probabilities = log_probabilities.log_softmax(-1)
    exact = score(statistic, log_probabilities, truth)
    assert math.isfinite(exact)
    tolerance = 0.35 if isinstance(statistic, MaximumCalibrationError) else 0.05  # of a bin with few rows
    assert score(statistic, log_probabilities.bfloat16(), truth) == pytest.approx(exact, abs=tolerance)


@each_score
def test_a_prediction_that_is_no_number_has_no_score(statistic: Statistic) -> None:
    log_probabilities, truth, _ = rows("class", 30)
    log_probabilities[(truth >= 0).nonzero()[3]] = math.nan
    assert math.isnan(score(statistic, log_probabilities, truth))


@each_truth
def test_whole_sets_have_the_score_of_the_statistic(truth_kind: str) -> None:
    log_probabilities, truth, _ = rows(truth_kind, 1500)
    if truth_kind == "distribution":  # a whole set refuses a row that sums to 0
        kept = truth.sum(-1) > 0
        log_probabilities, truth = log_probabilities[kept], truth[kept]
    p = log_probabilities.exp()
    p = p / p.sum(1, keepdim=True)
    for num_bins in (1, 9, 15):
        of_whole_sets = {
            ExpectedCalibrationError(num_bins): calibration.expected_calibration_error(p, truth, num_bins),
            MaximumCalibrationError(num_bins): calibration.maximum_calibration_error(p, truth, num_bins),
            DebiasedCalibrationError(num_bins): calibration.debiased_calibration_error(p, truth, num_bins),
            DebiasedSquaredCalibrationError(num_bins): calibration.debiased_calibration_error(
                p, truth, num_bins, norm="l2"
            ),
        }
        for statistic, expected in of_whole_sets.items():
            assert score(statistic, p.log(), truth) == pytest.approx(expected, abs=1e-12), statistic.name


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("edge", range(1, 16))
def test_confidence_on_an_edge_is_in_one_bin_however_it_comes(dtype: torch.dtype, edge: int) -> None:
    """0.2 lies on the edge 3/15 as a probability, and as the exponential of its logarithm."""
    p = torch.full((1, 16), (1 - edge / 15) / 15, dtype=dtype)
    p[:, 0] = edge / 15
    error = ExpectedCalibrationError()
    assert error.contribute(p.log(), torch.tensor([0])).cell.item() == edge - 1
    (found,) = [one for one in calibration.reliability_curve(p, torch.tensor([0])) if one.count]
    assert found.high == pytest.approx(edge / 15)


def test_the_adaptive_error_keeps_ties_together() -> None:
    stream = StreamingStatistic(AdaptiveCalibrationError(num_bins=10))
    stream.update(torch.tensor([[0.7, 0.3]]).log().expand(100, 2), (torch.arange(100) >= 50).long())
    assert stream.compute() == pytest.approx(0.2, abs=1e-6)


def test_a_negative_class_is_ignored_by_the_statistic_and_refused_in_a_whole_set() -> None:
    p, index = torch.tensor([[0.9, 0.1]] * 3), torch.tensor([0, -100, -1])
    assert score(ExpectedCalibrationError(), p.log(), index) == pytest.approx(0.1)
    for error in (calibration.expected_calibration_error, calibration.classwise_calibration_error):
        assert error(p[:2], index[:2]) == pytest.approx(0.1)
        with pytest.raises(ValueError, match="row 2: -1 is not a class"):
            error(p, index)
        with pytest.raises(ValueError, match="row 1: -100 is not a class"):
            error(p, index, ignore_index=-1)


@each_score
def test_needs_a_bin(statistic: ExpectedCalibrationError | AdaptiveCalibrationError) -> None:
    for make in (type(statistic), calibration.StreamingCalibrationError):
        with pytest.raises(ValueError, match="num_bins is 0, expected a whole number from 1"):
            make(0)


@pytest.mark.parametrize("log_probabilities", [torch.tensor([[0.0, -math.inf]]), torch.tensor([[-1e-30, -70.0]])])
def test_confidence_one_is_in_the_last_cell(log_probabilities: Tensor) -> None:
    for statistic in STATISTICS:
        assert statistic.contribute(log_probabilities, torch.tensor([0])).cell.item() == statistic.num_cells - 1
