"""DLDL-v2: DLDL's divergence, and the error of the mean in steps of the axis."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.methods import made_axis as axis
from tests.methods.made import mean


def test_dldl_v2_adds_the_error_of_the_mean() -> None:
    method, data = axis.made("dldl_v2", expectation_weight=2.0), axis.batch()
    p = np.exp(axis.log_p(method, data.inputs))
    expected = np.abs((p * axis.GRID.numpy()).sum(1) - data.annotation[:, 0].numpy()).sum()
    terms = method(data)
    assert float(terms["expectation"].sum.detach()) == pytest.approx(expected, rel=1e-5)
    assert method.weights() == {"expectation": 2.0}
    coarse = axis.made("dldl_v2", expectation_weight=2.0)
    coarse.grid = 5 * coarse.grid
    assert coarse.weights() == {"expectation": 0.4}
    plain = axis.made("dldl")(data)["kl_divergence"].sum
    torch.testing.assert_close(terms["kl_divergence"].sum, plain)


def test_without_the_expectation_it_is_dldl() -> None:
    ours, theirs, data = axis.made("dldl_v2", expectation_weight=0.0), axis.made("dldl"), axis.batch()
    weights = ours.weights()
    total = sum(weights.get(name, 1.0) * mean(term) for name, term in ours(data).items())
    torch.testing.assert_close(total, mean(theirs(data)["kl_divergence"]))


def test_the_gradient_of_the_expectation_is_the_covariance_with_the_axis() -> None:
    """d|m - v| / dz_k = sign(m - v) p_k (v_k - m)."""
    method, data = axis.made("dldl_v2"), axis.batch()
    z = method.network(data.inputs).detach().requires_grad_()
    method.terms(z, data)["expectation"].sum.backward()
    p, grid, value = z.detach().double().softmax(-1).numpy(), axis.GRID.numpy(), data.annotation[:, :1].numpy()
    center = (p * grid).sum(1, keepdims=True)
    np.testing.assert_allclose(z.grad.numpy(), np.sign(center - value) * p * (grid - center), atol=1e-4)
