"""Every score equals its NumPy twin, streams, merges, ignores, and can be resampled."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from softlabel.calibration.classwise_ece import ClasswiseCalibrationError
from softlabel.calibration.ece import AdaptiveCalibrationError, DebiasedCalibrationError, ExpectedCalibrationError
from softlabel.metrics.accuracy import Accuracy
from softlabel.metrics.balanced_accuracy import BalancedAccuracy
from softlabel.metrics.brier import Brier
from softlabel.metrics.groups import GroupAccuracy
from softlabel.metrics.kl import KullbackLeibler
from softlabel.metrics.nll import BalancedNegativeLogLikelihood, NegativeLogLikelihood
from softlabel.statistic import Contribution, Statistic, StreamingStatistic, add_rows, pack, total, unpack
from tests.oracle import calibration, metrics

K = 5
MEMBERS = torch.tensor([True, False, True, False, False])
ORACLES: list[tuple[Statistic, Callable[[np.ndarray, np.ndarray], float]]] = [
    (Accuracy(), metrics.accuracy),
    (BalancedAccuracy(K), metrics.balanced_accuracy),
    (GroupAccuracy("many", MEMBERS), lambda p, q: metrics.balanced_accuracy(p, q, MEMBERS.numpy())),
    (NegativeLogLikelihood(), metrics.nll),
    (BalancedNegativeLogLikelihood(K), metrics.balanced_nll),
    (KullbackLeibler(), metrics.kl),
    (Brier(), metrics.brier),
    (ExpectedCalibrationError(), calibration.ece),
    (ClasswiseCalibrationError(K), calibration.classwise),
]
NAMES = [statistic.name for statistic, _ in ORACLES]
each_score = pytest.mark.parametrize(("statistic", "oracle"), ORACLES, ids=NAMES)
each_truth = pytest.mark.parametrize("truth_kind", ["class", "distribution"])


def rows(kind: str, n: int = 300, seed: int = 0) -> tuple[Tensor, Tensor, np.ndarray]:
    """Log-probabilities, truth as scores take it, and truth as distributions; some rows are ignored."""
    generator = torch.Generator().manual_seed(seed)
    log_probabilities = (2 * torch.randn(n, K, generator=generator, dtype=torch.float64)).log_softmax(-1)
    ignored = torch.rand(n, generator=generator) < 0.1
    if kind == "class":
        truth = torch.randint(0, K, (n,), generator=generator).masked_fill(ignored, -100)
        return log_probabilities, truth, metrics.one_hot(truth.numpy(), K)
    votes = torch.poisson(torch.full((n, K), 1.5, dtype=torch.float64), generator=generator)
    votes[:, 0] += votes.sum(1) == 0
    truth = (votes / votes.sum(1, keepdim=True)).masked_fill(ignored[:, None], 0.0)
    return log_probabilities, truth, truth.numpy()


@each_score
@each_truth
def test_equals_its_twin(statistic: Statistic, oracle: Callable[..., float], truth_kind: str) -> None:
    log_probabilities, truth, q = rows(truth_kind)
    stream = StreamingStatistic(statistic)
    stream.update(log_probabilities, truth)
    assert stream.compute() == pytest.approx(oracle(log_probabilities.exp().numpy(), q), abs=1e-12)


@each_score
@each_truth
def test_batches_in_any_order_and_merging_give_the_same(
    statistic: Statistic, oracle: Callable[..., float], truth_kind: str
) -> None:
    log_probabilities, truth, _ = rows(truth_kind)
    whole, first, second = (StreamingStatistic(statistic) for _ in range(3))
    whole.update(log_probabilities, truth)
    order = torch.randperm(len(truth))
    for part in order[:200].split(7):
        first.update(log_probabilities[part], truth[part])
    second.update(log_probabilities[order[200:]], truth[order[200:]])
    first.merge_(second)
    assert first.compute() == pytest.approx(whole.compute(), abs=1e-12)
    assert first.sums.dtype == torch.float64


@each_score
@each_truth
def test_weights_are_repetitions(statistic: Statistic, oracle: Callable[..., float], truth_kind: str) -> None:
    """Sums of rows counted w times equal sums of rows that are there w times: the bootstrap rests on this."""
    log_probabilities, truth, _ = rows(truth_kind, 60)
    count = torch.randint(0, 4, (60,))
    cell, values = statistic.contribute(log_probabilities, truth)
    weight = count.double().view(-1, *[1] * (values.ndim - 1))
    weighted = total(statistic, Contribution(cell, values * weight))
    again = torch.repeat_interleave(torch.arange(60), count)
    repeated = total(statistic, statistic.contribute(log_probabilities[again], truth[again]))
    torch.testing.assert_close(statistic.value(weighted), statistic.value(repeated))


@each_score
def test_value_takes_many_sums_at_once(statistic: Statistic, oracle: Callable[..., float]) -> None:
    sums = torch.stack([total(statistic, statistic.contribute(*rows("class", seed=seed)[:2])) for seed in range(6)])
    together = statistic.value(sums.view(2, 3, *sums.shape[1:]))
    torch.testing.assert_close(together.flatten(), torch.stack([statistic.value(one) for one in sums]))


@each_score
def test_nothing_to_score_is_nan_and_stays_within_bounds(statistic: Statistic, oracle: Callable[..., float]) -> None:
    stream = StreamingStatistic(statistic)
    assert math.isnan(stream.compute())
    stream.update(torch.zeros(0, K), torch.zeros(0, dtype=torch.int64))
    stream.update(torch.zeros(3, K).log_softmax(-1), torch.full((3,), -100))
    assert math.isnan(stream.compute())
    stream.update(*rows("class")[:2])
    low, high = statistic.bounds
    assert low <= stream.compute() <= high


@each_score
def test_half_precision_and_impossible_classes(statistic: Statistic, oracle: Callable[..., float]) -> None:
    log_probabilities, truth, _ = rows("class")
    log_probabilities[:, 4] = -math.inf
    truth[truth == 4] = 0
    log_probabilities = log_probabilities.log_softmax(-1)
    exact = float(statistic.value(total(statistic, statistic.contribute(log_probabilities, truth))))
    rounded = float(statistic.value(total(statistic, statistic.contribute(log_probabilities.bfloat16(), truth))))
    assert math.isfinite(exact)
    assert rounded == pytest.approx(exact, abs=0.05)


def test_a_certain_mistake_costs_infinitely_much() -> None:
    stream = StreamingStatistic(NegativeLogLikelihood())
    stream.update(torch.tensor([[0.0, -math.inf]]), torch.tensor([1]))
    assert stream.compute() == math.inf


@pytest.mark.parametrize("truth_kind", ["class", "distribution"])
def test_adaptive_error_is_close_to_the_sorted_one(truth_kind: str) -> None:
    log_probabilities, truth, q = rows(truth_kind, 5000)
    stream = StreamingStatistic(AdaptiveCalibrationError())
    stream.update(log_probabilities, truth)
    assert stream.compute() == pytest.approx(calibration.adaptive(log_probabilities.exp().numpy(), q), abs=3e-3)


def test_adaptive_error_keeps_ties_together() -> None:
    stream = StreamingStatistic(AdaptiveCalibrationError(num_bins=10))
    stream.update(torch.tensor([[0.7, 0.3]]).log().expand(100, 2), (torch.arange(100) >= 50).long())
    assert stream.compute() == pytest.approx(0.2, abs=1e-6)


def test_debiased_error_equals_the_drawn_one() -> None:
    log_probabilities, truth, q = rows("class", 2000)
    stream = StreamingStatistic(DebiasedCalibrationError())
    stream.update(log_probabilities, truth)
    assert stream.compute() == pytest.approx(calibration.debiased(log_probabilities.exp().numpy(), q), abs=2e-4)


def test_class_truth_equals_one_hot_truth() -> None:
    log_probabilities, truth, q = rows("class")
    for statistic, _ in ORACLES:
        hard = total(statistic, statistic.contribute(log_probabilities, truth))
        soft = total(statistic, statistic.contribute(log_probabilities, torch.from_numpy(q)))
        torch.testing.assert_close(hard, soft)


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_kl_is_nll_less_entropy_and_never_negative(seed: int, n: int) -> None:
    log_probabilities, truth, q = rows("distribution", n, seed)
    if not q.any():
        return
    nll, kl = (
        float(s.value(total(s, s.contribute(log_probabilities, truth))))
        for s in (NegativeLogLikelihood(), KullbackLeibler())
    )
    entropy = torch.special.entr(truth[truth.sum(1) > 0]).sum(1).mean()
    assert kl == pytest.approx(nll - float(entropy), abs=1e-12)
    assert kl >= -1e-12


def test_contributions_survive_a_file(tmp_path: object) -> None:
    log_probabilities, truth, _ = rows("class")
    stored = {s.name: s.contribute(log_probabilities, truth) for s, _ in ORACLES}
    for name, (cell, values) in unpack(pack(stored)).items():
        assert torch.equal(cell, stored[name].cell)
        assert torch.equal(values, stored[name].values)


def test_add_rows_changes_its_argument_only() -> None:
    contribution = Contribution(torch.tensor([0, 1, 0]), torch.ones(3, 2, dtype=torch.float64))
    sums = torch.zeros(2, 2, dtype=torch.float64)
    add_rows(sums, contribution)
    assert sums.tolist() == [[2, 2], [1, 1]]
    assert contribution.values.sum() == 6
