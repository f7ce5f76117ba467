"""Calibration errors against NumPy twins and scikit-learn, at the edges of bins, and on maps."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from softlabel import calibration, labels
from tests.calibration.made import K, sample, soft_sample
from tests.oracle import calibration as oracle
from tests.oracle.metrics import one_hot

PAIRS = [
    (calibration.expected_calibration_error, oracle.ece),
    (calibration.maximum_calibration_error, oracle.mce),
    (calibration.adaptive_calibration_error, oracle.adaptive),
    (calibration.classwise_calibration_error, oracle.classwise),
]
each_error = pytest.mark.parametrize(("error", "twin"), PAIRS, ids=[twin.__name__ for _, twin in PAIRS])


@each_error
@pytest.mark.parametrize("num_bins", [1, 7, 15])
def test_equals_its_twin(error, twin, num_bins) -> None:
    logits, index = sample()
    index[::9] = -100
    p = logits.softmax(-1)
    assert error(p, index, num_bins) == pytest.approx(twin(p.numpy(), one_hot(index.numpy(), K), num_bins), abs=1e-12)


@each_error
@pytest.mark.parametrize("ignore_index", [255, 0, -1])
def test_rows_of_the_ignored_index_are_left_out_whatever_it_is(error, twin, ignore_index: int) -> None:
    logits, index = sample()
    index[::9] = ignore_index
    p, kept = logits.softmax(-1), index != ignore_index
    assert error(p, index, ignore_index=ignore_index) == pytest.approx(error(p[kept], index[kept]), abs=1e-12)


@each_error
def test_soft_labels_and_label_distributions(error, twin) -> None:
    logits, q = soft_sample()
    p = logits.softmax(-1)
    expected = twin(p.numpy(), q.numpy())
    assert error(p, q) == pytest.approx(expected, abs=1e-12)
    assert error(p, labels.dense(q)) == pytest.approx(expected, abs=1e-12)
    assert error(p.numpy(), q.numpy()) == pytest.approx(expected, abs=1e-12)


@each_error
def test_maps_are_their_pixels(error, twin) -> None:
    logits, index = sample(2 * 6 * 5)
    index[::9] = -100
    p = logits.softmax(-1)
    maps, labelled = p.view(2, 6, 5, K).movedim(-1, 1), index.view(2, 6, 5)
    assert error(maps, labelled) == pytest.approx(error(p, index), abs=1e-14)
    soft = torch.from_numpy(one_hot(index.clamp(min=0).numpy(), K))
    of_maps = error(maps, soft.view(2, 6, 5, K).movedim(-1, 1))
    assert of_maps == pytest.approx(error(p, index.clamp(min=0)), abs=1e-14)
    assert error(maps, labels.hard(labelled, K)) == pytest.approx(error(p, index), abs=1e-14)


@each_error
@given(seed=st.integers(0, 10_000))
def test_order_of_rows_does_not_matter(error, twin, seed: int) -> None:
    logits, index = sample(50, seed)
    p = logits.float().softmax(-1)
    order = torch.randperm(50)
    assert error(p, index) == pytest.approx(error(p[order], index[order]), abs=1e-12)
    assert 0 <= error(p, index) <= 1


def test_confidence_one_and_zero_are_counted() -> None:
    p = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert calibration.expected_calibration_error(p, torch.tensor([1, 0])) == 1.0
    curve = calibration.reliability_curve(p, torch.tensor([0, 0]))
    assert (curve[-1].count, curve[-1].confidence, curve[-1].accuracy) == (2, 1.0, 0.5)
    assert calibration.classwise_calibration_error(p, torch.tensor([1, 0])) == 1.0


def test_one_row_and_none() -> None:
    assert calibration.expected_calibration_error(torch.tensor([[0.3, 0.7]]), torch.tensor([1])) == pytest.approx(0.3)
    for error, _ in PAIRS:
        assert math.isnan(error(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64)))
        assert math.isnan(error(torch.full((2, 4), 0.25), torch.tensor([-100, -100])))


def test_constant_prediction_of_the_base_rate_is_calibrated() -> None:
    index = (torch.arange(1000) < 300).long()
    p = torch.tensor([[0.7, 0.3]], dtype=torch.float64).expand(1000, 2)
    for error, _ in PAIRS:
        assert error(p, index) == pytest.approx(0, abs=1e-12)


def test_a_calibrated_model_has_no_debiased_error_but_a_plain_one() -> None:
    plain, squared, l1 = [], [], []
    for seed in range(60):
        generator = torch.Generator().manual_seed(seed)
        p = (1.5 * torch.randn(400, K, generator=generator, dtype=torch.float64)).softmax(-1)
        index = torch.multinomial(p, 1, generator=generator)[:, 0]
        plain.append(calibration.expected_calibration_error(p, index))
        squared.append(calibration.debiased_calibration_error(p, index, norm="l2"))
        l1.append(calibration.debiased_calibration_error(p, index))
    assert abs(np.mean(squared)) < 3 * np.std(squared) / np.sqrt(60)
    assert np.mean(plain) > 0.03
    assert np.mean(l1) < 0.7 * np.mean(plain)


def test_a_bin_of_one_row_counts_among_all_rows() -> None:
    """By hand: ten rows at .9, eight right; two alone in their bins, which leave the error and stay in N."""
    p = torch.tensor([[0.9, 0.1]] * 10 + [[0.55, 0.45], [0.7, 0.3]], dtype=torch.float64)
    index = torch.tensor([0] * 8 + [1] * 2 + [0, 0])
    expected = 10 / 12 * ((0.8 - 0.9) ** 2 - 0.8 * 0.2 / 9)
    assert calibration.debiased_calibration_error(p, index, norm="l2") == pytest.approx(expected, abs=1e-12)
    assert math.isnan(calibration.debiased_calibration_error(p[10:], index[10:], norm="l2"))


def test_debiased_errors_equal_their_twins() -> None:
    logits, index = sample()
    p, q = logits.softmax(-1), one_hot(index.numpy(), K)
    l1 = calibration.debiased_calibration_error(p, index)
    assert l1 == pytest.approx(oracle.debiased(p.numpy(), q), abs=2e-4)
    l2 = calibration.debiased_calibration_error(p, index, norm="l2")
    assert l2 == pytest.approx(oracle.debiased_squared(p.numpy(), q), abs=1e-12)
    with pytest.raises(ValueError, match="'l1' or 'l2'"):
        calibration.debiased_calibration_error(p, index, norm="l3")


def test_reliability_curve_has_wilson_intervals() -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    logits, index = sample(300)
    curve = calibration.reliability_curve(logits.softmax(-1), index)
    assert sum(one.count for one in curve) == 300
    assert [one.low for one in curve[1:]] == [one.high for one in curve[:-1]]
    for one in curve:
        if one.count == 0:
            assert math.isnan(one.accuracy)
            assert one.to_json()["accuracy"] is None
            continue
        exact = scipy_stats.binomtest(round(one.accuracy * one.count), one.count).proportion_ci(method="wilson")
        assert (one.accuracy_low, one.accuracy_high) == pytest.approx((exact.low, exact.high), abs=1e-12)


@pytest.mark.parametrize(
    ("probabilities", "index", "message"),
    [
        (torch.tensor([[0.5, 0.5], [2.0, -1.0]]), torch.tensor([0, 1]), r"row 1: .*softmax"),
        (torch.tensor([[0.5, 0.5], [3.0, 1.0]]), torch.tensor([0, 1]), "row 1: sums to 4"),
        (torch.tensor([[0.5, 0.5], [math.nan, 1.0]]), torch.tensor([0, 1]), "row 1: sums to nan"),
        (torch.tensor([[0.5, 0.5]]), torch.tensor([2]), "row 0: 2 is not a class"),
        (torch.tensor([[0.5, 0.5]]), torch.tensor([0, 1]), "shape"),
        (torch.tensor([[0.5, 0.5]]), torch.tensor([[0.5, 0.7]]), "sums to 1.2"),
        (torch.tensor([0.5, 0.5]), torch.tensor([0, 1]), r"expected \(N, K\)"),
    ],
)
def test_refusals_name_the_row(probabilities: Tensor, index: Tensor, message: str) -> None:
    for error in (calibration.expected_calibration_error, calibration.classwise_calibration_error):
        with pytest.raises(ValueError, match=message):
            error(probabilities, index)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_softmax_in_half_precision_is_told_how_to_be_exact(dtype: torch.dtype) -> None:
    rows = torch.full((3, 512), 1 / 512).to(dtype)  # which both dtypes hold exactly
    rows[:, 0] *= 3  # a sum of 1 + 1 / 256
    for error in (
        calibration.expected_calibration_error,
        calibration.adaptive_calibration_error,
        calibration.classwise_calibration_error,
        calibration.reliability_curve,
        lambda rows, index: calibration.StreamingCalibrationError().update(index, probabilities=rows),
    ):
        with pytest.raises(ValueError, match=rf"They are {dtype}, .*softmax\(dim=1\) of logits.float\(\)"):
            error(rows, torch.tensor([0, 1, 2]))
        with pytest.raises(ValueError, match="For logits take softmax"):
            error(rows * 2, torch.tensor([0, 1, 2]))
    calibration.expected_calibration_error(rows.float() / rows.float().sum(1, keepdim=True), torch.tensor([0, 1, 2]))


def test_other_refusals() -> None:
    with pytest.raises(ValueError, match="num_bins is 0"):
        calibration.expected_calibration_error(torch.full((1, 2), 0.5), torch.tensor([0]), 0)
    with pytest.raises(TypeError, match="floating"):
        calibration.expected_calibration_error(torch.ones(1, 2, dtype=torch.int64), torch.tensor([0]))


def test_against_torchmetrics() -> None:
    classification = pytest.importorskip("torchmetrics.functional.classification")
    logits, index = sample(2000)
    p = logits.softmax(-1)
    theirs = classification.multiclass_calibration_error(p, index, num_classes=K, n_bins=15, norm="l1")
    assert calibration.expected_calibration_error(p, index) == pytest.approx(float(theirs), abs=1e-6)
