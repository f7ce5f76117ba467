"""Scores of values on a label axis."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from softlabel.metrics.crps import ContinuousRankedProbabilityScore
from softlabel.metrics.decoding import central_interval, decode
from softlabel.metrics.interval_coverage import CoverageError, IntervalWidth, QuantileCalibrationError
from softlabel.metrics.ordinal import CumulativeScore, EpsilonError, MeanAbsoluteError, NearestLabelLikelihood
from softlabel.metrics.truth import nearest_label
from softlabel.statistic import Statistic, StreamingStatistic, total
from tests.metrics.laws import check_nothing_to_score, check_streaming, check_weights, score
from tests.oracle import ordinal

GRID = torch.tensor([1.0, 2.0, 4.0, 5.0, 8.0, 9.0, 12.5])
NP_GRID = GRID.numpy().astype(np.float64)
SCORES: list[tuple[Statistic, Callable[[np.ndarray, np.ndarray, np.ndarray], float]]] = [
    (MeanAbsoluteError(GRID), ordinal.mae),
    (MeanAbsoluteError(GRID, "argmax"), lambda p, t, g: ordinal.mae(p, t, g, "argmax")),
    (CumulativeScore(GRID, 2.0), lambda p, t, g: ordinal.cumulative_score(p, t, g, 2.0)),
    (CumulativeScore(GRID, 3.0, "argmax"), lambda p, t, g: ordinal.cumulative_score(p, t, g, 3.0, "argmax")),
    (EpsilonError(GRID), ordinal.epsilon_error),
    (EpsilonError(GRID, "argmax"), lambda p, t, g: ordinal.epsilon_error(p, t, g, "argmax")),
    (NearestLabelLikelihood(GRID), ordinal.nearest_nll),
    (ContinuousRankedProbabilityScore(GRID), ordinal.crps),
    (CoverageError(GRID), ordinal.coverage_error),
    (CoverageError(GRID, 0.5), lambda p, t, g: ordinal.coverage_error(p, t, g, 0.5)),
    (IntervalWidth(GRID), ordinal.interval_width),
    (QuantileCalibrationError(GRID), ordinal.quantile_ece),
]
NAMES = [statistic.name for statistic, _ in SCORES]
each_score = pytest.mark.parametrize(("statistic", "oracle"), SCORES, ids=NAMES)


def rows(n: int = 200, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Log-probabilities and truths on, between and beyond the labels; some ignored, some without sigma."""
    generator = torch.Generator().manual_seed(seed)
    log_p = (2 * torch.randn(n, len(GRID), generator=generator, dtype=torch.float64)).log_softmax(-1)
    value = torch.where(
        torch.rand(n, generator=generator) < 0.5,
        GRID[torch.randint(0, len(GRID), (n,), generator=generator)],
        15 * torch.rand(n, generator=generator) - 1,
    )
    sigma = (0.5 + 3 * torch.rand(n, generator=generator)).masked_fill(
        torch.rand(n, generator=generator) < 0.3, math.nan
    )
    return log_p, torch.stack([value.masked_fill(torch.rand(n, generator=generator) < 0.1, math.nan), sigma], -1)


def certain(label: int) -> Tensor:
    return torch.full((1, len(GRID)), -math.inf, dtype=torch.float64).index_fill(1, torch.tensor([label]), 0.0)


@each_score
def test_equals_its_twin(statistic: Statistic, oracle: Callable[..., float]) -> None:
    log_p, truth = rows()
    expected = oracle(log_p.exp().numpy(), truth.double().numpy(), NP_GRID)
    assert score(statistic, log_p, truth) == pytest.approx(expected, rel=1e-10)


@each_score
def test_keeps_the_laws_of_scores(statistic: Statistic, oracle: Callable[..., float]) -> None:
    log_p, truth = rows(60)
    check_streaming(statistic, log_p, truth)
    check_weights(statistic, log_p, truth)
    check_nothing_to_score(statistic, log_p, torch.full_like(truth, math.nan))


@each_score
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 20))
def test_stays_within_bounds_in_any_order(
    statistic: Statistic, oracle: Callable[..., float], seed: int, n: int
) -> None:
    log_p, truth = rows(n, seed)
    if not truth[:, 0].isnan().all() and not truth.isnan().any(1).all():
        check_streaming(statistic, log_p, truth)


@each_score
def test_half_precision_is_close(statistic: Statistic, oracle: Callable[..., float]) -> None:
    log_p, truth = rows(400)
    assert score(statistic, log_p.bfloat16(), truth) == pytest.approx(score(statistic, log_p, truth), abs=0.05)


@each_score
def test_only_what_temperature_changes_is_marked(statistic: Statistic, oracle: Callable[..., float]) -> None:
    log_p, truth = rows()
    changed = score(statistic, (3 * log_p).log_softmax(-1), truth) != score(statistic, log_p, truth)
    assert changed == statistic.calibration


def test_names_and_titles_tell_scores_apart() -> None:
    assert len(set(NAMES)) == len({statistic.title for statistic, _ in SCORES}) == len(SCORES)


def test_two_on_a_grid_by_hand() -> None:
    log_p = torch.tensor([[0.25, 0.75]], dtype=torch.float64).log()
    grid, truth = torch.tensor([0.0, 2.0]), torch.tensor([[1.0, 0.5]])
    assert score(MeanAbsoluteError(grid), log_p, truth) == pytest.approx(0.5)
    assert score(MeanAbsoluteError(grid, "argmax"), log_p, truth) == pytest.approx(1.0)
    assert score(EpsilonError(grid), log_p, truth) == pytest.approx(1 - math.exp(-0.5))
    assert score(CumulativeScore(grid, 0.5), log_p, truth) == 1.0
    # Of two labels as near the lower one counts.
    assert score(NearestLabelLikelihood(grid), log_p, truth) == pytest.approx(math.log(4))
    # F is 1/4 between the labels: a stretch of length 1 before the value, one after it.
    assert score(ContinuousRankedProbabilityScore(grid), log_p, truth) == pytest.approx(1 / 16 + 9 / 16)


@pytest.mark.parametrize("value", [-3.0, 1.0, 3.7, 12.5, 20.0])
def test_crps_of_a_certain_prediction_is_its_absolute_error(value: float) -> None:
    truth = torch.tensor([[value, math.nan]])
    for label in range(len(GRID)):
        expected = abs(float(GRID[label]) - float(truth[0, 0]))
        assert score(ContinuousRankedProbabilityScore(GRID), certain(label), truth) == pytest.approx(
            expected, abs=1e-12
        )


def test_one_label_only() -> None:
    log_p, truth = torch.zeros(1, 1), torch.tensor([[5.0, 1.0]])
    grid = torch.tensor([3.0])
    assert score(MeanAbsoluteError(grid), log_p, truth) == 2.0
    assert score(ContinuousRankedProbabilityScore(grid), log_p, truth) == 2.0
    assert score(NearestLabelLikelihood(grid), log_p, truth) == 0.0


def test_epsilon_error_needs_a_sigma() -> None:
    log_p = certain(0).expand(3, -1)
    truth = torch.tensor([[1.0, math.nan], [1.0, 0.0], [2.0, 1.0]])
    assert score(EpsilonError(GRID), log_p, truth) == pytest.approx(1 - math.exp(-0.5))
    assert math.isnan(score(EpsilonError(GRID), log_p[:2], truth[:2]))


def test_nearest_label() -> None:
    values = torch.tensor([-7.0, 1.0, 1.5, 1.51, 3.0, 6.5, 10.75, 99.0], dtype=torch.float64)
    assert nearest_label(values, GRID.double()).tolist() == [0, 0, 0, 1, 1, 3, 5, 6]


def test_central_interval_holds_what_it_says() -> None:
    log_p, _ = rows()
    low, high = central_interval(log_p, GRID.double(), 0.8)
    within = (low[:, None] <= GRID) & (high[:, None] >= GRID)
    assert float((log_p.exp() * within).sum(-1).min()) >= 0.8
    mean = decode(certain(3), GRID.double(), "expectation")
    assert mean.item() == 5.0
    assert [float(end) for end in central_interval(certain(3), GRID.double())] == [5.0, 5.0]


def test_quantile_error_of_truths_drawn_from_the_prediction_is_none() -> None:
    """Each label as often as it is predicted: the prediction is calibrated exactly."""
    counts = torch.tensor([1, 2, 4, 6, 4, 2, 1])
    log_p = (counts.double() / counts.sum()).log().expand(int(counts.sum()), -1)
    truth = torch.stack([GRID.repeat_interleave(counts), torch.full((int(counts.sum()),), math.nan)], -1)
    assert score(QuantileCalibrationError(GRID), log_p, truth) == pytest.approx(0.0, abs=1e-12)
    sharper = (2 * log_p).log_softmax(-1)
    assert score(QuantileCalibrationError(GRID), sharper, truth) > 0.03


def test_quantile_error_of_a_label_held_impossible() -> None:
    """The stretch has no length: the whole row counts below every level from F on."""
    log_p = torch.tensor([[0.5, 0.0, 0.5]]).double().log()
    statistic = QuantileCalibrationError(torch.arange(3.0), 4)
    sums = total(statistic, statistic.contribute(log_p, torch.tensor([[1.0, math.nan]])))
    assert sums.tolist() == [[0.0, 1.0, 1.0, 1.0]]


def test_coverage_share_is_kept_beside_its_error() -> None:
    log_p, truth = certain(2).expand(4, -1), torch.tensor([[4.0, 1.0], [4.0, 1.0], [4.0, 1.0], [5.0, 1.0]])
    statistic = CoverageError(GRID)
    stream = StreamingStatistic(statistic)
    stream.update(log_p, truth)
    assert float(statistic.share(stream.sums)) == 0.75
    assert stream.compute() == pytest.approx(0.05)


@pytest.mark.parametrize("grid", [[2.0, 1.0], [1.0, 1.0], [], [[1.0, 2.0]], [1.0, math.nan]])
def test_a_grid_must_ascend(grid: list[float]) -> None:
    with pytest.raises(ValueError, match="ascending"):
        MeanAbsoluteError(torch.tensor(grid))
