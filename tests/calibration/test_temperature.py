"""The temperature: the true optimum, on all kinds of labels and layouts, in chunks, and where there is none."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from softlabel import labels
from softlabel.calibration import TemperatureScaling, expected_calibration_error
from tests.oracle import calibration as oracle
from tests.oracle.metrics import one_hot

K = 5


def sample(n: int = 2000, temperature: float = 2.0, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Logits that are `temperature` times too large for their labels."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(n, K, generator=generator, dtype=torch.float64)
    return temperature * logits, torch.multinomial(logits.softmax(-1), 1, generator=generator)[:, 0]


def exact(logits: Tensor, q: np.ndarray, weight: np.ndarray | None = None) -> float:
    return oracle.temperature(logits.double().numpy(), q, weight)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16])
def test_is_the_optimum(dtype: torch.dtype) -> None:
    logits, index = sample()
    logits = logits.to(dtype)
    fitted = TemperatureScaling().fit(logits, index)
    assert fitted.temperature == pytest.approx(exact(logits, one_hot(index.numpy(), K)), rel=1e-6)
    assert fitted.flag is None
    assert fitted.evaluations <= 8


def test_many_rows_take_few_passes_and_reach_the_same_optimum() -> None:
    logits, index = sample(40_000, 1.2)
    fitted = TemperatureScaling().fit(logits.float(), index)
    assert fitted.evaluations <= 3
    assert fitted.temperature == pytest.approx(exact(logits, one_hot(index.numpy(), K)), rel=1e-6)


@given(st.floats(-2.5, 2.5), st.integers(0, 1000))
def test_known_scale_is_found_again(log_scale: float, seed: int) -> None:
    logits, index = sample(300, 1.0, seed)
    first = TemperatureScaling().fit(logits, index)
    second = TemperatureScaling().fit(math.exp(log_scale) * logits, index)
    expected = first.temperature * math.exp(log_scale)
    if first.flag is None and 0.06 < expected < 19:
        assert second.temperature == pytest.approx(expected, rel=1e-6)


def test_an_offset_of_every_row_changes_nothing() -> None:
    logits, index = sample()
    shifted = logits + 1e4 * torch.randn(len(logits), 1, dtype=torch.float64)
    fitted = TemperatureScaling().fit(logits, index)
    assert TemperatureScaling().fit(shifted, index).temperature == pytest.approx(fitted.temperature, rel=1e-7)
    log_probabilities = logits.log_softmax(-1)
    assert TemperatureScaling().fit(log_probabilities, index).temperature == pytest.approx(fitted.temperature)


def test_soft_labels_of_any_kind() -> None:
    logits, index = sample()
    q = (logits / 3 + torch.randn(len(logits), K, dtype=torch.float64)).softmax(-1)
    fitted = TemperatureScaling().fit(logits, q)
    assert fitted.temperature == pytest.approx(exact(logits, q.numpy()), rel=1e-6)
    assert TemperatureScaling().fit(logits, labels.dense(q)).temperature == fitted.temperature
    smooth = labels.smoothed(index, K, 0.2)
    of_smooth = TemperatureScaling().fit(logits, smooth).temperature
    assert of_smooth == pytest.approx(exact(logits, smooth.dense().double().numpy()), rel=1e-5)


@pytest.mark.parametrize("soft", [False, True])
def test_class_weights_give_rows_a_mass(soft: bool) -> None:
    logits, index = sample()
    q = torch.from_numpy(one_hot(index.numpy(), K))
    if soft:
        q = 0.8 * q + 0.2 * torch.rand(len(q), K, dtype=torch.float64).softmax(-1)
    weight = torch.tensor([5.0, 1.0, 0.0, 1.0, 0.1])
    fitted = TemperatureScaling().fit(logits, q if soft else index, class_weight=weight)
    assert fitted.temperature == pytest.approx(exact(logits, q.numpy(), weight.double().numpy()), rel=1e-5)


def test_balanced_weights_are_inverse_counts() -> None:
    logits, index = sample()
    index[: len(index) // 2] = 0
    counts = torch.bincount(index, minlength=K)
    balanced = TemperatureScaling().fit(logits, index, class_weight="balanced")
    by_hand = TemperatureScaling().fit(logits, index, class_weight=len(index) / (K * counts))
    assert balanced.temperature == pytest.approx(by_hand.temperature, rel=1e-6)
    assert balanced.temperature != pytest.approx(TemperatureScaling().fit(logits, index).temperature, rel=1e-3)
    chunks = [(logits[:700], index[:700]), (logits[700:], index[700:])]
    in_chunks = TemperatureScaling().fit_chunks(chunks, class_weight="balanced")
    assert in_chunks.temperature == pytest.approx(balanced.temperature, rel=1e-6)


def test_chunks_of_any_size_give_the_same() -> None:
    logits, index = sample(500)
    fitted = TemperatureScaling().fit(logits, index)
    for size in (1, 7, 499, 10_000):
        if size > 1:
            assert TemperatureScaling().fit(logits, index, chunk_size=size).temperature == pytest.approx(
                fitted.temperature, rel=1e-9
            )
        if size != 1:
            chunks = list(zip(logits.split(size), index.split(size), strict=True))
            assert TemperatureScaling().fit_chunks(chunks).temperature == pytest.approx(fitted.temperature, rel=1e-6)


def test_a_generator_is_refused() -> None:
    logits, index = sample(10)
    with pytest.raises(TypeError, match="only once"):
        TemperatureScaling().fit_chunks(pair for pair in [(logits, index)])


def test_maps_are_their_pixels_and_void_ones_are_left_out() -> None:
    logits, index = sample(2 * 30 * 20)
    index[::5] = 255
    maps = logits.view(2, 30, 20, K).movedim(-1, 1)
    fitted = TemperatureScaling().fit(maps, index.view(2, 30, 20), ignore_index=255)
    kept = index != 255
    assert fitted.temperature == pytest.approx(TemperatureScaling().fit(logits[kept], index[kept]).temperature)
    logits[::5] = math.nan  # whatever stands in ignored rows
    same = TemperatureScaling().fit(logits, index, torch.arange(2 * 30 * 20) // 600, ignore_index=255)
    assert same.temperature == pytest.approx(fitted.temperature)
    assert same.interval == pytest.approx(fitted.interval)
    assert same.gain == pytest.approx(fitted.gain)


def test_impossible_classes_count_as_nothing() -> None:
    logits, index = sample()
    logits[:, 4] = -math.inf
    index[index == 4] = 0
    fitted = TemperatureScaling().fit(logits, index)
    without = TemperatureScaling().fit(logits[:, :4], index)
    assert fitted.temperature == pytest.approx(without.temperature, rel=1e-9)


def flagged(logits: Tensor, index: Tensor) -> TemperatureScaling:
    fitted = TemperatureScaling().fit(logits, index)
    assert all(math.isnan(end) for end in fitted.interval)
    assert fitted.flag is not None
    return fitted


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_all_right_stops_at_the_lower_bound(scale: float) -> None:
    logits, _ = sample(50)
    fitted = flagged(scale * logits, logits.argmax(-1))
    assert (fitted.temperature, fitted.flag) == (0.05, "lower bound")


@pytest.mark.parametrize("scale", [1.0, 1e3])
def test_worse_than_chance_stops_at_the_upper_bound(scale: float) -> None:
    logits, _ = sample(50)
    fitted = flagged(scale * logits, logits.argmin(-1))
    assert (fitted.temperature, fitted.flag) == (20.0, "upper bound")


def test_nothing_to_fit_leaves_the_temperature_alone() -> None:
    logits, index = sample(20)
    for fitted in (
        flagged(logits[:0], index[:0]),
        flagged(logits, torch.full_like(index, -100)),
        TemperatureScaling().fit_chunks([]),
    ):
        assert (fitted.temperature, fitted.flag) == (1.0, "no rows")
    constant = flagged(torch.full((20, K), 3.0), index)
    assert (constant.temperature, constant.flag) == (1.0, "constant logits")


def test_refusals() -> None:
    logits, index = sample(20)
    with pytest.raises(ValueError, match="are probabilities"):
        TemperatureScaling().fit(logits.softmax(-1), index)
    with pytest.raises(ValueError, match="shape"):
        TemperatureScaling().fit(logits, index[:5])
    with pytest.raises(ValueError, match="row 3: 7 is not a class"):
        TemperatureScaling().fit(logits, index.index_fill(0, torch.tensor([3]), 7))
    with pytest.raises(ValueError, match="class_weight"):
        TemperatureScaling().fit(logits, index, class_weight=torch.ones(K + 1))
    with pytest.raises(ValueError, match="class_weight"):
        TemperatureScaling().fit(logits, index, class_weight="even")  # type: ignore[arg-type]
    bad = logits.clone()
    bad[6, 1] = math.nan
    with pytest.raises(ValueError, match="row 6"):
        TemperatureScaling().fit(bad, index)
    bad = logits.clone()
    bad[7, index[7]] = -math.inf
    with pytest.raises(ValueError, match="row 7"):
        TemperatureScaling().fit_chunks([(bad[:5], index[:5]), (bad[5:], index[5:])])


def test_transform_keeps_answers_dtype_and_gradients() -> None:
    logits, index = sample(100)
    scaling = TemperatureScaling().fit(logits, index)
    assert torch.equal(scaling(logits).argmax(-1), logits.argmax(-1))
    assert scaling(logits.half()).dtype == torch.half
    logits.requires_grad_()
    scaling.transform(logits).sum().backward()
    assert logits.grad is not None
    assert "temperature=" in repr(scaling)
    assert TemperatureScaling(2.5)(torch.tensor([5.0])).item() == 2.0


def test_scaling_again_changes_nothing() -> None:
    logits, index = sample()
    scaled = TemperatureScaling().fit(logits, index)(logits)
    assert TemperatureScaling().fit(scaled, index).temperature == pytest.approx(1.0, rel=1e-6)


def test_interval_covers_the_truth_and_scales_with_the_root_of_rows() -> None:
    found = [TemperatureScaling().fit(*sample(300, 2.0, seed)) for seed in range(300)]
    covered = sum(one.interval[0] <= 2.0 <= one.interval[1] for one in found)
    assert 0.91 <= covered / 300 <= 0.98
    small, large = (TemperatureScaling().fit(*sample(n)) for n in (500, 50_000))
    width = [math.log(one.interval[1] / one.interval[0]) for one in (small, large)]
    assert width[0] / width[1] == pytest.approx(10, rel=0.2)


@settings(max_examples=15)
@given(st.integers(0, 1000))
def test_interval_holds_with_weights(seed: int) -> None:
    """Weighting every row alike must not change the interval, as repeating rows would."""
    logits, index = sample(200, 1.5, seed)
    plain = TemperatureScaling().fit(logits, index)
    weighted = TemperatureScaling().fit(logits, index, class_weight=torch.full((K,), 7.0))
    assert weighted.interval == pytest.approx(plain.interval, rel=1e-5)


def test_real_logits_get_better() -> None:
    inputs, target = load_digits(return_X_y=True)
    model = LogisticRegression(C=1000, max_iter=500, tol=1e-3).fit(inputs[:150] / 16, target[:150])
    logits = torch.from_numpy(model.decision_function(inputs[150:] / 16))
    index = torch.from_numpy(target[150:])
    fitted = TemperatureScaling().fit(logits[::2], index[::2])
    before = expected_calibration_error(logits[1::2].softmax(-1), index[1::2])
    after = expected_calibration_error(fitted(logits[1::2]).softmax(-1), index[1::2])
    assert fitted.flag is None
    assert fitted.temperature > 1.2
    assert after < 0.6 * before
