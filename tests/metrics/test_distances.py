"""Distances of distributions equal their twins, SciPy's, and known values where labels have probability 0."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import distance
from torch import Tensor

from softlabel.metrics.distances import Canberra, Chebyshev, Clark, Cosine, Intersection
from softlabel.statistic import Statistic
from tests.metrics.laws import check_nothing_to_score, check_streaming, check_weights, score
from tests.oracle import distances

K = 6
SCORES: list[tuple[Statistic, Callable[[np.ndarray, np.ndarray], float]]] = [
    (Chebyshev(), distances.chebyshev),
    (Clark(), distances.clark),
    (Canberra(), distances.canberra),
    (Cosine(), distances.cosine),
    (Intersection(), distances.intersection),
]
NAMES = [statistic.name for statistic, _ in SCORES]
each_score = pytest.mark.parametrize(("statistic", "oracle"), SCORES, ids=NAMES)


def rows(n: int = 200, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Log-probabilities, and distributions of which many labels have probability 0; some rows are ignored."""
    generator = torch.Generator().manual_seed(seed)
    log_p = (2 * torch.randn(n, K, generator=generator, dtype=torch.float64)).log_softmax(-1)
    q = torch.rand(n, K, generator=generator, dtype=torch.float64)
    q[torch.rand(n, K, generator=generator) < 0.3] = 0.0
    q[:, 0] += q.sum(1) == 0
    q = q / q.sum(1, keepdim=True)
    q[torch.rand(n, generator=generator) < 0.1] = 0.0
    return log_p, q


@each_score
def test_equals_its_twin(statistic: Statistic, oracle: Callable[..., float]) -> None:
    log_p, q = rows()
    assert score(statistic, log_p, q) == pytest.approx(oracle(log_p.exp().numpy(), q.numpy()), rel=1e-12)


@each_score
def test_keeps_the_laws_of_scores(statistic: Statistic, oracle: Callable[..., float]) -> None:
    log_p, q = rows(60)
    check_streaming(statistic, log_p, q)
    check_weights(statistic, log_p, q)
    check_nothing_to_score(statistic, log_p, torch.zeros_like(q))


def test_equals_scipy() -> None:
    log_p, q = rows()
    kept = q.sum(1) > 0
    log_p, q = log_p[kept], q[kept]
    pairs = list(zip(log_p.exp().numpy(), q.numpy(), strict=True))
    expected = {
        Chebyshev(): np.mean([distance.chebyshev(a, b) for a, b in pairs]),
        Canberra(): np.mean([distance.canberra(a, b) for a, b in pairs]),
        Cosine(): np.mean([1 - distance.cosine(a, b) for a, b in pairs]),
    }
    for statistic, value in expected.items():
        assert score(statistic, log_p, q) == pytest.approx(value, rel=1e-10), statistic.name


@each_score
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 20))
def test_bounds_orders_of_rows_and_of_labels(
    statistic: Statistic, oracle: Callable[..., float], seed: int, n: int
) -> None:
    log_p, q = rows(n, seed)
    if not q.any():
        return
    check_streaming(statistic, log_p, q)
    found = score(statistic, log_p, q)
    assert found <= {"clark": math.sqrt(K), "canberra": K}.get(statistic.name, 1.0) + 1e-12
    labels = torch.randperm(K, generator=torch.Generator().manual_seed(seed))
    assert score(statistic, log_p[:, labels], q[:, labels]) == pytest.approx(found, abs=1e-12)


def test_the_truth_itself_is_best_and_the_opposite_worst() -> None:
    _, q = rows()
    same = [0.0, 0.0, 0.0, 1.0, 1.0]
    assert [score(s, q.log(), q) for s, _ in SCORES] == pytest.approx(same, abs=1e-12)
    p, q = torch.tensor([[1.0, 0.0, 0.0]]).double(), torch.tensor([[0.0, 1.0, 0.0]]).double()
    # The third label has 0 in both and adds nothing.
    assert [score(s, p.log(), q) for s, _ in SCORES] == pytest.approx([1.0, math.sqrt(2), 2.0, 0.0, 0.0])


def test_a_class_is_taken_as_one_hot() -> None:
    log_p, _ = rows(5)
    index = torch.tensor([0, 3, -100, 5, 1])
    hot = torch.nn.functional.one_hot(index.clamp(min=0), K).double() * (index >= 0)[:, None]
    for statistic, _ in SCORES:
        assert score(statistic, log_p, index) == score(statistic, log_p, hot)
