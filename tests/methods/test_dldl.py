"""DLDL: the divergence from a Gaussian around the true value."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from softlabel.data.batch import Batch
from softlabel.methods.base.discovery import find_method
from softlabel.networks.build import build_network
from softlabel.networks.config import NetworkConfig
from softlabel.tasks.classification import Classification
from tests.methods import made_axis as axis
from tests.oracle import labels as label_oracle
from tests.oracle import losses as oracle


@pytest.mark.parametrize(("sigma", "used"), [(None, 2.0), (5.0, 5.0)])
def test_dldl_is_the_divergence_from_a_gaussian(sigma: float | None, used: float) -> None:
    method, data = axis.made("dldl", sigma=sigma), axis.batch()
    q = axis.gaussian(data.annotation[:, 0].double().numpy(), used)
    expected = (q * (np.log(np.maximum(q, 1e-300)) - axis.log_p(method, data.inputs))).sum()
    term = method(data)["kl_divergence"]
    assert float(term.sum.detach()) == pytest.approx(expected, rel=1e-5)
    assert float(term.mass) == 8


def test_a_row_has_a_spread_of_its_own_unless_told_otherwise() -> None:
    own, told, data = axis.made("dldl"), axis.made("dldl", sigma=2.0), axis.batch()
    with_spread = Batch(data.inputs, data.annotation.nan_to_num(3.0), data.sample_id)
    expected = axis.gaussian(data.annotation[:, 0].double().numpy(), 3.0)
    np.testing.assert_allclose(own.target(with_spread.annotation).dense(torch.float64).numpy(), expected, atol=1e-6)
    assert torch.equal(told.target(with_spread.annotation).dense(), told.target(data.annotation).dense())


def test_labels_at_the_ends_of_the_axis_sum_to_1() -> None:
    ends = torch.tensor([[20.0, torch.nan], [40.0, torch.nan]])
    q = axis.made("dldl", sigma=4.0).target(ends).dense(torch.float64)
    np.testing.assert_allclose(q.sum(1).numpy(), 1.0, rtol=1e-6)
    np.testing.assert_allclose(q[0].numpy(), q[1].flip(0).numpy(), rtol=1e-6)


def test_hardly_any_spread_is_cross_entropy_with_the_nearest_value() -> None:
    method, data = axis.made("dldl", sigma=1e-2), axis.batch()
    on_grid = Batch(data.inputs, data.annotation.round(), data.sample_id)
    index = (on_grid.annotation[:, 0] - 20).long().numpy()
    values, _, _ = oracle.loss(axis.logits(method, data.inputs), label_oracle.hard(index, 21))
    assert method(on_grid)["kl_divergence"].sum.item() == pytest.approx(values.sum(), rel=1e-5)


def test_a_label_is_no_path_for_gradients() -> None:
    method, data = axis.made("dldl"), axis.batch()
    logits = method.network(data.inputs).detach().requires_grad_()
    method.terms(logits, data)["kl_divergence"].sum.backward()
    q = axis.gaussian(data.annotation[:, 0].double().numpy(), 2.0)
    np.testing.assert_allclose(logits.grad.numpy(), logits.detach().softmax(-1).numpy() - q, atol=1e-5)


def test_classes_without_order_are_refused() -> None:
    network = build_network(NetworkConfig(backbone="mlp"), axis.INPUTS, 3, 0)
    reason = find_method("dldl").supports(Classification(["a", "b", "c"]), network)
    assert (
        reason == "it spreads a label over neighbouring ones, and classes of the task classification have no neighbours"
    )
