"""Gaussian labels over one axis and over several."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from softlabel.labels import gaussian, gaussian_grid
from softlabel.losses import cross_entropy, kl_divergence
from tests.oracle import label_kinds as oracle

AGES = torch.arange(1, 86, dtype=torch.float64)


def example(shape, num_classes):
    value = num_classes * torch.rand(shape, dtype=torch.float64)
    sigma = 0.5 + torch.rand(shape[:1], dtype=torch.float64)
    grid = torch.arange(num_classes, dtype=torch.float64)
    return gaussian(value, grid, sigma), oracle.gaussian(value.numpy(), grid.numpy(), sigma.numpy())


def q(value, sigma, grid=AGES):
    return gaussian(torch.as_tensor(value, dtype=torch.float64), grid, sigma).dense()


@given(st.floats(-20, 120), st.floats(0.3, 50))
def test_equals_its_twin(value, sigma):
    expected = oracle.gaussian(np.array([value]), AGES.numpy(), sigma)
    np.testing.assert_allclose(q([value], sigma).numpy(), expected, atol=1e-12)


def test_away_from_the_ends_mean_and_variance_are_those_asked_for():
    for sigma in (0.7, 1.0, 2.0, 5.0):
        row = q(43.0, sigma)
        assert row @ AGES == pytest.approx(43)
        assert row @ (AGES - 43) ** 2 == pytest.approx(sigma**2, rel=3e-3)
        torch.testing.assert_close(row, row.flip(0))


@pytest.mark.parametrize("sigma", [0, 0.0, 1e-200, 1e-30, 1e-3, torch.tensor(0.0), torch.tensor([0.0] * 4)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_without_width_the_nearest_label_has_all_and_ties_share(sigma, dtype):
    value = torch.tensor([3.2, 2.5, -7.0, 99.0], dtype=dtype)
    rows = gaussian(value, torch.arange(5), sigma).dense()
    expected = [[0, 0, 0, 1, 0], [0, 0, 0.5, 0.5, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 1]]
    torch.testing.assert_close(rows, torch.tensor(expected, dtype=dtype))


@pytest.mark.parametrize("sigma", [1e6, 1e30, torch.tensor(1e30)])
def test_without_bounds_it_is_uniform(sigma):
    rows = gaussian(torch.tensor([0.0, 4.0, 2.5]), torch.arange(5), sigma).dense()
    torch.testing.assert_close(rows, torch.full((3, 5), 0.2))


def test_every_row_sums_to_one_at_the_ends_too():
    """The released age code has 0.60 at age 1."""
    rows = q([1.0, 2.0, 85.0, -3.0, 200.0], 2.0)
    torch.testing.assert_close(rows.sum(-1), torch.ones(5, dtype=torch.float64))
    assert (rows[[0, 3], :20].diff() < 0).all()  # one-sided
    raw = torch.exp(-((AGES - 1) ** 2) / 8) / (2 * np.sqrt(2 * np.pi))
    assert raw.sum() == pytest.approx(0.60, abs=5e-3)


@pytest.mark.parametrize("value", [1e6, -1e6, 1e30])
def test_far_outside_the_end_is_taken_in_single_precision(value):
    row = gaussian(torch.tensor(value), torch.arange(5), 2.0).dense()
    assert row[-1 if value > 0 else 0] == 1


def test_one_label_costs_nothing():
    logits = torch.randn(3, 1, requires_grad=True)
    loss = kl_divergence(logits, gaussian(torch.randn(3), torch.zeros(1), 1.0))
    loss.backward()
    assert loss == 0
    assert (logits.grad == 0).all()


def test_a_width_per_sample_is_that_of_the_sample():
    value, sigma = torch.rand(4, 3, dtype=torch.float64) * 80, torch.tensor([0.5, 1, 2, 4], dtype=torch.float64)
    rows = gaussian(value, AGES, sigma).dense()
    for one, width, row in zip(value, sigma, rows, strict=True):
        torch.testing.assert_close(gaussian(one, AGES, width.item()).dense(), row)


def test_the_derivative_in_the_width_is_the_formula():
    """METHODS: dq/dsigma = q [(l - mu)^2 - E_q (l - mu)^2] / sigma^3."""
    for value, width in ((30.3, 2.0), (-2.0, 3.0), (85.0, 0.8)):
        sigma = torch.tensor(width, dtype=torch.float64, requires_grad=True)
        found = torch.autograd.functional.jacobian(lambda s, v=value: q(v, s), sigma)
        row, squared = q(value, width), (AGES - value) ** 2
        torch.testing.assert_close(found, row * (squared - row @ squared) / width**3, atol=1e-12, rtol=1e-9)


@pytest.mark.parametrize("loss", [cross_entropy, kl_divergence])
def test_losses_are_differentiable_in_width_and_value(loss):
    logits = torch.randn(4, 7, dtype=torch.float64, requires_grad=True)
    value = torch.tensor([0.3, 3.0, 6.9, 9.0], dtype=torch.float64, requires_grad=True)
    sigma = torch.tensor([0.4, 1.0, 3.0, 2.0], dtype=torch.float64, requires_grad=True)
    grid = torch.arange(7)
    assert torch.autograd.gradcheck(
        lambda z, v, s: loss(z, gaussian(v, grid, s), reduction="none"), (logits, value, sigma)
    )
    one = torch.tensor(1.5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda s: loss(logits.detach(), gaussian(value.detach(), grid, s)), (one,))


def test_shares_that_round_to_zero_leave_no_nan_in_the_gradient():
    """Beyond fourteen widths single precision has 0, whose logarithm must not meet the derivative of 0."""
    logits, value = torch.randn(2, 101), torch.tensor([27.0, 60.5])
    found = []
    for dtype in (torch.float32, torch.float64):
        sigma = torch.tensor([2.0, 3.5], dtype=dtype, requires_grad=True)
        label = gaussian(value.to(dtype), torch.arange(101), sigma)
        kl_divergence(logits.to(dtype), label).backward()
        found.append(sigma.grad.double())
    assert (label.dense().float() == 0).any()
    torch.testing.assert_close(*found, atol=1e-5, rtol=1e-4)


def test_a_width_of_zero_beside_others_leaves_no_nan_in_their_gradient():
    sigma = torch.tensor([0.0, 1.0], requires_grad=True)
    cross_entropy(torch.randn(2, 5), gaussian(torch.tensor([1.2, 1.2]), torch.arange(5), sigma)).backward()
    assert torch.isfinite(sigma.grad).all()
    assert sigma.grad[1] != 0


@pytest.mark.parametrize("sigma", [1.5, [1.5, 0.7, 3.0], torch.tensor([1.5, 0.7, 3.0])])
def test_several_axes_equal_the_density_of_the_cells(sigma):
    grids = [torch.arange(size, dtype=torch.float64) for size in (3, 4, 2)]
    values = 3 * torch.rand(2, 5, 3, dtype=torch.float64)
    label = gaussian_grid(values, grids, sigma)
    widths = np.broadcast_to(np.asarray(sigma), 3)
    assert label.shape == (2, 5)
    np.testing.assert_allclose(
        label.dense().numpy(), oracle.gaussian_grid(values.numpy(), [g.numpy() for g in grids], widths), atol=1e-7
    )


def test_two_axes_are_the_outer_product_of_one_and_one():
    pitch, yaw = torch.arange(-90.0, 91, 15), torch.arange(-75.0, 76, 15)
    rows = gaussian_grid(torch.tensor([[15.0, -20.0]]), [pitch, yaw], 15.0).dense().view(13, 11)
    outer = torch.outer(
        gaussian(torch.tensor(15.0), pitch, 15.0).dense(), gaussian(torch.tensor(-20.0), yaw, 15.0).dense()
    )
    torch.testing.assert_close(rows, outer)


def test_widths_per_sample_and_axis():
    values, sigma = torch.rand(4, 2), 0.3 + torch.rand(4, 2)
    grids = [torch.linspace(0, 1, 3), torch.linspace(0, 1, 4)]
    rows = gaussian_grid(values, grids, sigma).dense()
    for one, widths, row in zip(values, sigma, rows, strict=True):
        torch.testing.assert_close(gaussian_grid(one, grids, widths.tolist()).dense(), row)


def test_bad_arguments_are_named():
    value, grid = torch.tensor([1.0, float("nan"), float("inf")]), torch.arange(4)
    with pytest.raises(ValueError, match=r"value, row 1: nan is not a finite number \(2 such in all\)"):
        gaussian(value, grid, 1.0)
    with pytest.raises(ValueError, match=r"sigma: -1 is not a finite width from 0"):
        gaussian(value[:1], grid, -1.0)
    with pytest.raises(ValueError, match=r"sigma, row 1: nan is not a finite width"):
        gaussian(torch.zeros(2), grid, torch.tensor([1.0, float("nan")]))
    with pytest.raises(ValueError, match=r"sigma has shape \(3,\), expected"):
        gaussian(torch.zeros(2), grid, torch.ones(3))
    with pytest.raises(ValueError, match=r"grid has shape \(2, 2\), expected \(K,\)"):
        gaussian(torch.zeros(2), torch.ones(2, 2), 1.0)
    with pytest.raises(ValueError, match="values have 2 axes, but there are 1 grids"):
        gaussian_grid(torch.zeros(3, 2), [grid], 1.0)
    with pytest.raises(ValueError, match="sigma has 1 entries, expected one for each of 2 axes"):
        gaussian_grid(torch.zeros(3, 2), [grid, grid], [1.0])
