"""Scores of samples with several labels equal their twins and scikit-learn's."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    average_precision_score,
    coverage_error,
    f1_score,
    hamming_loss,
    label_ranking_average_precision_score,
    label_ranking_loss,
)
from torch import Tensor

from softlabel.metrics.average_precision import MeanAveragePrecision
from softlabel.metrics.label_ranking import Coverage, LabelRankingPrecision, OneError, RankingLoss
from softlabel.metrics.ranking import StreamingRanking, stream
from softlabel.metrics.thresholded import F1, HammingLoss
from softlabel.statistic import Statistic, StreamingStatistic
from tests.metrics.laws import check_nothing_to_score, check_streaming, check_weights, score
from tests.oracle import multilabel

K = 6
Oracle = Callable[[np.ndarray, np.ndarray], float]
SCORES: list[tuple[Statistic, Oracle]] = [
    (RankingLoss(), multilabel.ranking_loss),
    (Coverage(), multilabel.coverage),
    (OneError(), multilabel.one_error),
    (LabelRankingPrecision(), multilabel.label_ranking_precision),
    (HammingLoss(K, 0.2), partial(multilabel.hamming_loss, threshold=0.2)),
    (F1(K, "micro", 0.2), partial(multilabel.f1, average="micro", threshold=0.2)),
    (F1(K, "macro", 0.2), partial(multilabel.f1, average="macro", threshold=0.2)),
]
NAMES = [statistic.name for statistic, _ in SCORES]
each_score = pytest.mark.parametrize(("statistic", "oracle"), SCORES, ids=NAMES)
MAP = MeanAveragePrecision(K)


def rows(n: int = 200, seed: int = 0, *, difficult: bool = True, ties: bool = True) -> tuple[Tensor, Tensor]:
    """Log-probabilities, of which many are equal, and levels; some rows have no positive label, some no negative."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(n, K, generator=generator, dtype=torch.float64)
    levels = 2 * (torch.rand(n, K, generator=generator) < 0.3 + 0.1 * logits.tanh())
    levels[torch.rand(n, generator=generator) < 0.05] = 2
    if difficult:
        levels[torch.rand(n, K, generator=generator) < 0.1] = 1
    return (logits.round() if ties else logits).log_softmax(-1), levels.byte()


def mean_average_precision(log_p: Tensor, levels: Tensor) -> float:
    found = StreamingRanking(MAP)
    for one, other in zip(log_p.split(7), levels.split(7), strict=True):
        found.update(one, other)
    return found.compute()


@each_score
def test_equals_its_twin(statistic: Statistic, oracle: Oracle) -> None:
    log_p, levels = rows()
    assert score(statistic, log_p, levels) == pytest.approx(oracle(log_p.numpy(), levels.numpy()), rel=1e-12)


@each_score
def test_keeps_the_laws_of_scores(statistic: Statistic, oracle: Oracle) -> None:
    log_p, levels = rows(60)
    check_streaming(statistic, log_p, levels)
    check_weights(statistic, log_p, levels)
    check_nothing_to_score(statistic, log_p, torch.ones_like(levels))


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 15))
def test_bounds_and_orders_of_rows_and_of_labels(seed: int, n: int) -> None:
    log_p, levels = rows(n, seed)
    labels = torch.randperm(K, generator=torch.Generator().manual_seed(seed))
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    for statistic, _ in SCORES:
        found = score(statistic, log_p, levels)
        if not math.isnan(found):
            check_streaming(statistic, log_p, levels)
            assert score(statistic, log_p[:, labels], levels[:, labels]) == pytest.approx(found, abs=1e-12)
    found = mean_average_precision(log_p, levels)
    if not math.isnan(found):
        assert 0 < found <= 1 + 1e-12
        assert mean_average_precision(log_p[order][:, labels], levels[order][:, labels]) == pytest.approx(found)


def test_ranking_of_labels_equals_scikit_learn() -> None:
    """scikit-learn knows no difficult labels, and counts rows that have nothing to rank."""
    log_p, levels = rows(difficult=False)
    some = (levels == 2).any(1)
    log_p, levels = log_p[some], levels[some]
    y, s = (levels == 2).int().numpy(), log_p.numpy()
    mixed = (levels == 0).any(1).numpy()
    expected = {
        RankingLoss(): label_ranking_loss(y[mixed], s[mixed]),
        Coverage(): coverage_error(y, s),
        LabelRankingPrecision(): label_ranking_average_precision_score(y, s),
    }
    assert 0 < np.sum(~mixed) < len(y)
    for statistic, value in expected.items():
        assert score(statistic, log_p, levels) == pytest.approx(value, rel=1e-10), statistic.name


def test_thresholded_scores_equal_scikit_learn() -> None:
    log_p, levels = rows(difficult=False)
    y, found = (levels == 2).numpy(), log_p.exp().numpy() >= 0.2
    expected = {
        HammingLoss(K, 0.2): hamming_loss(y, found),
        F1(K, "micro", 0.2): f1_score(y, found, average="micro"),
        F1(K, "macro", 0.2): f1_score(y, found, average="macro"),
    }
    for statistic, value in expected.items():
        assert score(statistic, log_p, levels) == pytest.approx(value, rel=1e-10), statistic.name


@pytest.mark.parametrize("ties", [True, False])
@pytest.mark.parametrize("difficult", [True, False])
def test_average_precision_equals_its_twin_and_scikit_learn(ties: bool, difficult: bool) -> None:
    log_p, levels = rows(ties=ties, difficult=difficult)
    assert mean_average_precision(log_p, levels) == pytest.approx(
        multilabel.mean_average_precision(log_p.numpy(), levels.numpy()), rel=1e-12
    )
    kept = MAP.contribute(log_p, levels).values
    per_class = MAP.per_class(kept, torch.ones(len(kept), 1))[:, 0]
    for k in range(K):
        counted = levels[:, k] != 1
        expected = average_precision_score((levels[counted, k] == 2).numpy(), log_p[counted, k].numpy())
        assert per_class[k].item() == pytest.approx(expected, rel=1e-10)


def test_weighted_average_precision_equals_scikit_learn() -> None:
    log_p, levels = rows(80)
    kept = MAP.contribute(log_p, levels).values
    weights = torch.randint(0, 4, (80, 5), generator=torch.Generator().manual_seed(0))
    per_class = MAP.per_class(kept, weights)
    for k in range(K):
        counted = levels[:, k] != 1
        for draw in range(5):
            expected = average_precision_score(
                (levels[counted, k] == 2).numpy(),
                log_p[counted, k].numpy(),
                sample_weight=weights[counted, draw].numpy(),
            )
            assert per_class[k, draw].item() == pytest.approx(expected, rel=1e-10)
    again = torch.repeat_interleave(torch.arange(80), weights[:, 0])
    assert float(MAP.value_of_rows(kept, weights)[0]) == pytest.approx(
        mean_average_precision(log_p[again], levels[again])
    )


def test_average_precision_by_hand() -> None:
    scores = torch.tensor([[4.0], [3.0], [2.0], [1.0]])
    statistic = MeanAveragePrecision(1)

    def found(*levels: int) -> float:
        kept = StreamingRanking(statistic)
        kept.update(scores, torch.tensor(levels, dtype=torch.uint8)[:, None])
        return kept.compute()

    assert found(2, 0, 2, 0) == pytest.approx((1 + 2 / 3) / 2)
    # A difficult row is neither found nor missed.
    assert found(2, 1, 2, 0) == 1.0
    assert found(0, 0, 0, 2) == 0.25
    assert math.isnan(found(0, 1, 0, 0))


def test_a_class_without_a_positive_row_is_left_out() -> None:
    scores = torch.tensor([[2.0, 5.0], [1.0, 4.0], [0.0, 3.0]])
    levels = torch.tensor([[0, 0], [2, 1], [0, 0]], dtype=torch.uint8)
    kept = StreamingRanking(MeanAveragePrecision(2))
    kept.update(scores, levels)
    assert kept.compute() == 0.5


def test_streams_merge_and_know_what_to_keep() -> None:
    log_p, levels = rows(50)
    whole, first, second = (StreamingRanking(MAP) for _ in range(3))
    assert math.isnan(whole.compute())
    whole.update(log_p, levels)
    first.update(log_p[:20], levels[:20])
    second.update(log_p[20:], levels[20:])
    second.merge_(first)
    assert second.compute() == pytest.approx(whole.compute(), abs=1e-15)
    assert isinstance(stream(MAP), StreamingRanking)
    assert isinstance(stream(OneError()), StreamingStatistic)
    with pytest.raises(TypeError, match="map is not a function of sums"):
        MAP.value(torch.zeros(1, MAP.width))


def test_rows_with_nothing_to_rank_are_left_out() -> None:
    log_p = torch.tensor([[0.6, 0.3, 0.1], [0.6, 0.3, 0.1], [0.2, 0.3, 0.5]]).log()
    levels = torch.tensor([[0, 0, 1], [2, 2, 2], [0, 2, 0]], dtype=torch.uint8)
    found = {s.name: score(s, log_p, levels) for s, _ in SCORES[:4]}
    expected = {"ranking_loss": 0.5, "coverage": 2.5, "one_error": 0.5, "label_ranking_precision": 0.75}
    assert found == pytest.approx(expected)


def test_labels_of_equal_score_count_against_the_prediction() -> None:
    log_p, levels = torch.zeros(1, 3).log_softmax(-1), torch.tensor([[2, 0, 0]], dtype=torch.uint8)
    assert [score(s, log_p, levels) for s, _ in SCORES[:4]] == pytest.approx([1.0, 3.0, 1.0, 1 / 3])
