"""Agreement with votes equals its formulas and scipy's; halves are fair; intervals cover."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon
from torch import Tensor

from softlabel.metrics import vote_agreement as module
from softlabel.metrics.vote_agreement import (
    bootstrap_interval,
    halves,
    jensen_shannon,
    rank_agreement,
    shares,
    without,
)
from tests.oracle import vote_agreement as oracle


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Tensor, Tensor]:
    """Predictions, some with ties, and whole votes, (N, K) each; every row has a vote."""
    rows, classes = draw(st.integers(1, 6)), draw(st.integers(2, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    p = rng.dirichlet(np.full(classes, draw(st.sampled_from([0.2, 2.0]))), rows)
    p = np.where(rng.random((rows, 1)) < 0.3, np.round(p, 1) + 0.01, p)
    votes = rng.multinomial(rng.integers(1, 12, rows), rng.dirichlet(np.ones(classes), rows))
    return torch.from_numpy(p / p.sum(1, keepdims=True)), torch.from_numpy(votes).float()


def both(case: tuple[Tensor, Tensor]) -> list[tuple[list[float], list[float]]]:
    return list(zip(case[0].tolist(), shares(case[1]).tolist(), strict=True))


@given(pairs())
def test_scores_equal_the_formulas(case: tuple[Tensor, Tensor]) -> None:
    p, q = case[0], shares(case[1])
    for found, formula in ((jensen_shannon(p, q), oracle.jensen_shannon), (rank_agreement(p, q), oracle.kendall)):
        np.testing.assert_allclose(found, [formula(*row) for row in both(case)], rtol=1e-9, atol=1e-9)


@given(pairs())
def test_scores_equal_scipys(case: tuple[Tensor, Tensor]) -> None:
    p, q = case[0], shares(case[1])
    kendall = rank_agreement(p, q)
    for row, (a, b) in enumerate(both(case)):
        assert jensen_shannon(p, q)[row] == pytest.approx(jensenshannon(a, b) ** 2, abs=1e-9)
        if not kendall[row].isnan():
            expected = 0.0 if np.ptp(a) == 0 else stats.somersd(b, a).statistic  # for equal predictions theirs is NaN
            assert kendall[row] == pytest.approx(expected, abs=1e-9)


@given(pairs())
def test_scores_do_not_know_sides_or_names(case: tuple[Tensor, Tensor]) -> None:
    p, q = case[0], shares(case[1])
    order = torch.randperm(p.shape[1])
    torch.testing.assert_close(jensen_shannon(p, q), jensen_shannon(q, p))
    for score in (jensen_shannon, rank_agreement):
        torch.testing.assert_close(score(p, q), score(p[:, order], q[:, order]), equal_nan=True)
    assert (jensen_shannon(q, q) <= 1e-12).all()


@given(pairs())
def test_who_orders_all_that_the_votes_order_has_one(case: tuple[Tensor, Tensor]) -> None:
    """However many classes tie in the votes, and whatever is said of these."""
    p, q = case[0], shares(case[1])
    found = rank_agreement(q + 1e-6 * p, q)
    assert (found[~found.isnan()] == 1).all()
    torch.testing.assert_close(rank_agreement(-q, q), -rank_agreement(q, q), equal_nan=True)


def test_edges() -> None:
    apart = torch.eye(3, dtype=torch.float64)
    torch.testing.assert_close(jensen_shannon(apart[:1], apart[1:2]), torch.full((1,), math.log(2)).double())
    assert rank_agreement(apart[:1], torch.full((1, 3), 1 / 3)).isnan().all()
    assert rank_agreement(torch.full((1, 3), 1 / 3), apart[:1]).tolist() == [0.0]
    assert len(rank_agreement(torch.zeros(0, 3), torch.zeros(0, 3))) == 0
    assert all(map(math.isnan, bootstrap_interval(torch.zeros(0), torch.Generator())))
    assert bootstrap_interval(torch.full((5,), 2.0), torch.Generator()) == (2.0, 2.0)
    assert [len(half) for half in halves(torch.zeros(0, 3), torch.Generator())] == [0, 0]


@given(pairs(), st.floats(0.1, 5.0))
def test_off_label_shares_are_the_posterior_mean(case: tuple[Tensor, Tensor], prior: float) -> None:
    votes = case[1]
    found = shares(without(votes, votes.argmax(-1)), prior)
    for row, counts in enumerate(votes.int().tolist()):
        np.testing.assert_allclose(found[row], oracle.off_label(counts, prior)[1], rtol=1e-12)


@given(pairs(), st.integers(0, 2**31))
def test_halves_are_parts_of_the_votes(case: tuple[Tensor, Tensor], seed: int) -> None:
    votes = case[1]
    one, other = halves(votes, torch.Generator().manual_seed(seed))
    torch.testing.assert_close(one + other, votes)
    assert (one >= 0).all()
    assert (other >= 0).all()
    torch.testing.assert_close(one.sum(-1), votes.sum(-1).div(2, rounding_mode="floor"))


def test_halves_are_drawn_as_from_an_urn() -> None:
    """Counts of one class in a half are hypergeometric."""
    votes = torch.tensor([[4.0, 3.0, 2.0]]).expand(20_000, 3)
    one, _ = halves(votes, torch.Generator().manual_seed(0))
    seen = torch.bincount(one[:, 0].long(), minlength=5).numpy()
    expected = stats.hypergeom(9, 4, 4).pmf(range(5)) * len(votes)
    assert stats.chisquare(seen, expected).pvalue > 1e-3


def test_parts_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    draws = torch.Generator().manual_seed(0)
    p, q = (torch.rand(50, 4, generator=draws, dtype=torch.float64) for _ in range(2))
    whole = rank_agreement(p, q)
    interval = bootstrap_interval(p[:, 0], torch.Generator().manual_seed(1), draws=40)
    monkeypatch.setattr(module, "MOST_PAIRS", 48)
    monkeypatch.setattr(module, "MOST_SLOTS", 150)
    torch.testing.assert_close(rank_agreement(p, q), whole)
    assert bootstrap_interval(p[:, 0], torch.Generator().manual_seed(1), draws=40) == interval
    one, other = halves(torch.full((50, 4), 2.0), torch.Generator().manual_seed(0))
    assert one.sum(-1).unique().tolist() == other.sum(-1).unique().tolist() == [4.0]


def test_an_interval_lets_as_many_means_lie_above_as_below() -> None:
    draws = torch.Generator().manual_seed(0)
    values = torch.randn(2_000, generator=draws, dtype=torch.float64)
    low, high = bootstrap_interval(values, draws, draws=4_000)
    half = 1.96 * float(values.std()) / math.sqrt(2_000)
    assert float(values.mean()) - low == pytest.approx(half, rel=0.08)
    assert high - float(values.mean()) == pytest.approx(half, rel=0.08)


def test_intervals_cover_the_mean_as_often_as_they_say() -> None:
    draws = torch.Generator().manual_seed(0)
    covered = 0
    for _ in range(300):
        low, high = bootstrap_interval(torch.randn(100, generator=draws), draws, draws=300)
        covered += low <= 0 <= high
    assert 0.91 <= covered / 300 <= 0.98
