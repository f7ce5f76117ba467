"""SORD: a label falls off with its distance from the true value."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.methods import made_axis as axis


@pytest.mark.parametrize(("distance", "power"), [("absolute", 1), ("squared", 2)])
def test_sord_falls_off_with_the_distance(distance: str, power: int) -> None:
    method, data = axis.made("sord", distance=distance, scale=0.5), axis.batch()
    away = np.abs(axis.GRID.numpy()[None] - data.annotation[:, :1].double().numpy())
    q = np.exp(-0.5 * away**power)
    q /= q.sum(1, keepdims=True)
    term = method(data)["cross_entropy"]
    assert float(term.sum.detach()) == pytest.approx(-(q * axis.log_p(method, data.inputs)).sum(), rel=1e-5)


def test_with_squared_distances_it_is_the_label_of_dldl() -> None:
    """exp(-scale d^2) is a Gaussian with sigma^2 = 1 / (2 scale)."""
    data = axis.batch()
    ours = axis.made("sord", distance="squared", scale=0.125).target(data.annotation).dense()
    torch.testing.assert_close(ours, axis.made("dldl", sigma=2.0).target(data.annotation).dense(), atol=1e-5, rtol=1e-4)


def test_distances_count_in_steps_of_the_axis() -> None:
    fine, coarse = axis.made("sord"), axis.made("sord")
    coarse.grid = 5 * coarse.grid
    value = torch.tensor([[27.0, torch.nan]])
    torch.testing.assert_close(coarse.target(5 * value).dense(), fine.target(value).dense())


@pytest.mark.parametrize("distance", ["absolute", "squared"])
def test_the_steepest_label_is_the_hard_one(distance: str) -> None:
    q = axis.made("sord", distance=distance, scale=1e6).target(torch.tensor([[27.0, torch.nan]])).dense()
    assert q[0].tolist() == [float(value == 27) for value in axis.GRID]
