"""Scores of two angles on a grid."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from softlabel.metrics.pose import NearestCellLikelihood, PoseAccuracy, PoseError, PoseGrid, pose_scores
from softlabel.statistic import Statistic
from tests.metrics.laws import check_nothing_to_score, check_streaming, check_weights, score
from tests.oracle import pose

PITCH, YAW = torch.tensor([-30.0, -15.0, 0.0, 20.0]), torch.tensor([-60.0, -15.0, 15.0, 60.0, 90.0])
GRID = PoseGrid(PITCH, YAW)
Oracle = Callable[..., float]
SCORES: list[tuple[Statistic, Oracle]] = [
    *(
        (PoseError(GRID, angle, decoding), partial(pose.error, angle=angle, decoding=decoding))
        for angle in ("pitch", "yaw", "both")
        for decoding in ("joint", "marginal", "expectation")
    ),
    *(
        (PoseAccuracy(GRID, angle, decoding), partial(pose.accuracy, angle=angle, decoding=decoding))
        for angle in ("pitch", "yaw", "both")
        for decoding in ("joint", "marginal")
    ),
    (NearestCellLikelihood(GRID), pose.nll),
]
NAMES = [statistic.name for statistic, _ in SCORES]
each_score = pytest.mark.parametrize(("statistic", "oracle"), SCORES, ids=NAMES)


def rows(n: int = 150, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    log_p = (2 * torch.randn(n, 20, generator=generator, dtype=torch.float64)).log_softmax(-1)
    truth = torch.rand(n, 2, generator=generator) * torch.tensor([70.0, 180.0]) - torch.tensor([40.0, 80.0])
    return log_p, truth.masked_fill(torch.rand(n, 2, generator=generator) < 0.05, math.nan)


@each_score
def test_equals_its_twin(statistic: Statistic, oracle: Oracle) -> None:
    log_p, truth = rows()
    p = log_p.exp().numpy().reshape(-1, 4, 5)
    expected = oracle(p, truth.double().numpy(), PITCH.double().numpy(), YAW.double().numpy())
    assert score(statistic, log_p, truth) == pytest.approx(expected, rel=1e-10)


@each_score
def test_keeps_the_laws_of_scores(statistic: Statistic, oracle: Oracle) -> None:
    log_p, truth = rows(40)
    check_streaming(statistic, log_p, truth)
    check_weights(statistic, log_p, truth)
    check_nothing_to_score(statistic, log_p, torch.full_like(truth, math.nan))
    changed = score(statistic, (3 * log_p).log_softmax(-1), truth) != score(statistic, log_p, truth)
    assert not changed or statistic.calibration


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 20))
def test_stays_within_bounds_in_any_order(seed: int, n: int) -> None:
    log_p, truth = rows(n, seed)
    if not truth.isnan().any(1).all():
        for statistic, _ in SCORES:
            check_streaming(statistic, log_p, truth)


def test_joint_and_marginal_differ_where_the_most_probable_cell_stands_alone() -> None:
    grid = PoseGrid(torch.tensor([0.0, 10.0]), torch.tensor([0.0, 10.0, 20.0]))
    log_p = torch.tensor([[0.0, 0.4, 0.0, 0.2, 0.2, 0.2]]).double().log()
    decoded = {name: grid.decode(log_p, name).tolist() for name in ("joint", "marginal", "expectation")}
    assert decoded["joint"] == [[0.0, 10.0]]
    assert decoded["marginal"] == [[10.0, 10.0]]
    assert decoded["expectation"][0] == pytest.approx([6.0, 10.0])


def test_both_is_the_length_of_the_error() -> None:
    grid = PoseGrid(torch.tensor([0.0, 10.0]), torch.tensor([0.0, 10.0]))
    log_p, truth = torch.tensor([[0.0, -99.0, -99.0, -99.0]]), torch.tensor([[3.0, -4.0]])
    found = [score(PoseError(grid, angle), log_p, truth) for angle in ("pitch", "yaw", "both")]
    assert found == pytest.approx([3.0, 4.0, 5.0])
    assert score(PoseAccuracy(grid), log_p, truth) == 1.0


def test_cells_and_angles_are_each_others_inverse() -> None:
    cells = torch.arange(20)
    assert GRID.cell(GRID.angles(cells)).tolist() == cells.tolist()
    assert GRID.angles(cells).reshape(4, 5, 2)[2, 3].tolist() == [0.0, 60.0]
    # Half-way between two angles the lower one counts.
    assert GRID.cell(torch.tensor([[10.0, 0.0]])).tolist() == [2 * 5 + 1]


def test_the_set_of_scores_has_names_and_titles_of_its_own() -> None:
    scores = pose_scores(GRID)
    assert scores[0].name == "mae_both"
    assert len({s.name for s in scores}) == len({s.title for s in scores}) == len(scores) == 9
    assert len(set(NAMES)) == len(NAMES)


def test_single_precision_is_close() -> None:
    log_p, truth = rows(300)
    for statistic, _ in SCORES:
        exact = score(statistic, log_p, truth)
        assert score(statistic, log_p.float(), truth) == pytest.approx(exact, rel=1e-5)
        assert np.isfinite(exact)
