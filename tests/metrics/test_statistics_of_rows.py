"""Every score equals its NumPy twin, streams, merges, ignores, and can be resampled."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from softlabel.metrics.accuracy import Accuracy
from softlabel.metrics.balanced_accuracy import BalancedAccuracy
from softlabel.metrics.brier import Brier
from softlabel.metrics.groups import GroupAccuracy
from softlabel.metrics.kl import KullbackLeibler
from softlabel.metrics.nll import BalancedNegativeLogLikelihood, NegativeLogLikelihood
from softlabel.statistic import Contribution, Statistic, StreamingStatistic, total
from tests.metrics.laws import K, check_ignored_rows, rows
from tests.oracle import metrics

MEMBERS = torch.tensor([True, False, True, False, False])
ORACLES: list[tuple[Statistic, Callable[[np.ndarray, np.ndarray], float]]] = [
    (Accuracy(), metrics.accuracy),
    (BalancedAccuracy(K), metrics.balanced_accuracy),
    (GroupAccuracy("many", MEMBERS), lambda p, q: metrics.balanced_accuracy(p, q, MEMBERS.numpy())),
    (NegativeLogLikelihood(), metrics.nll),
    (BalancedNegativeLogLikelihood(K), metrics.balanced_nll),
    (KullbackLeibler(), metrics.kl),
    (Brier(), metrics.brier),
]
NAMES = [statistic.name for statistic, _ in ORACLES]
each_score = pytest.mark.parametrize(("statistic", "oracle"), ORACLES, ids=NAMES)
each_truth = pytest.mark.parametrize("truth_kind", ["class", "distribution"])


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


def test_class_truth_equals_one_hot_truth() -> None:
    log_probabilities, truth, q = rows("class")
    for statistic, _ in ORACLES:
        hard = total(statistic, statistic.contribute(log_probabilities, truth))
        soft = total(statistic, statistic.contribute(log_probabilities, torch.from_numpy(q)))
        torch.testing.assert_close(hard, soft)


@each_score
@each_truth
def test_an_ignored_row_may_be_anything(statistic: Statistic, oracle: Callable[..., float], truth_kind: str) -> None:
    check_ignored_rows(statistic, *rows(truth_kind)[:2])


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
