"""The classwise calibration error is one statistic: its twin's and a whole set's."""

from __future__ import annotations

import pytest
import torch

from softlabel import calibration
from softlabel.calibration.classwise_ece import ClasswiseCalibrationError
from softlabel.statistic import total
from tests.metrics.laws import (
    K,
    check_ignored_rows,
    check_nothing_to_score,
    check_streaming,
    check_weights,
    rows,
    score,
)
from tests.oracle import calibration as oracle

each_truth = pytest.mark.parametrize("truth_kind", ["class", "distribution"])


@each_truth
@pytest.mark.parametrize("num_bins", [1, 9, 15])
def test_equals_its_twin_and_that_of_a_whole_set(truth_kind: str, num_bins: int) -> None:
    log_probabilities, truth, q = rows(truth_kind)
    found = score(ClasswiseCalibrationError(K, num_bins), log_probabilities, truth)
    assert found == pytest.approx(oracle.classwise(log_probabilities.exp().numpy(), q, num_bins), abs=1e-12)
    kept = torch.from_numpy(q).sum(-1) > 0
    p = log_probabilities[kept].exp()
    assert calibration.classwise_calibration_error(p, truth[kept], num_bins) == pytest.approx(found, abs=1e-12)


@each_truth
def test_keeps_the_laws_of_scores(truth_kind: str) -> None:
    log_probabilities, truth, _ = rows(truth_kind)
    statistic = ClasswiseCalibrationError(K)
    check_streaming(statistic, log_probabilities, truth)
    check_weights(statistic, log_probabilities, truth)
    check_ignored_rows(statistic, log_probabilities, truth)
    ignored = torch.zeros_like(truth) if truth.is_floating_point() else torch.full_like(truth, -1)
    check_nothing_to_score(statistic, log_probabilities, ignored)


def test_a_class_is_its_one_hot_distribution() -> None:
    log_probabilities, truth, q = rows("class")
    statistic = ClasswiseCalibrationError(K)
    hard, soft = (total(statistic, statistic.contribute(log_probabilities, t)) for t in (truth, torch.from_numpy(q)))
    assert torch.equal(hard, soft)


def test_half_precision_is_close() -> None:
    log_probabilities, truth, _ = rows("class")
    statistic = ClasswiseCalibrationError(K)
    exact = score(statistic, log_probabilities, truth)
    assert score(statistic, log_probabilities.bfloat16(), truth) == pytest.approx(exact, abs=0.05)


def test_needs_a_bin() -> None:
    with pytest.raises(ValueError, match="num_bins is 0, expected a whole number from 1"):
        ClasswiseCalibrationError(K, 0)
