"""Cost-sensitive cross-entropy: three weightings, from the first epoch on or deferred."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from softlabel.data.batch import Batch
from softlabel.tasks.distribution import Distribution
from tests.methods.made import COUNTS, answered, batch, made, mean
from tests.oracle import labels as label_oracle
from tests.oracle import losses as oracle

WEIGHTS = {
    "inverse": COUNTS.numpy() ** -1.0,
    "square-root": COUNTS.numpy() ** -0.5,
    "effective": (1 - 0.9999) / (1 - 0.9999 ** COUNTS.numpy()),
}


@pytest.mark.parametrize("weighting", WEIGHTS)
def test_class_weights_weigh_samples(weighting: str) -> None:
    method, data = made("class_weighted", weighting=weighting).eval(), batch()
    weight = 4 * WEIGHTS[weighting] / WEIGHTS[weighting].sum()
    np.testing.assert_allclose(method.weight.numpy(), weight, rtol=1e-6)
    rows = label_oracle.hard(data.annotation.numpy(), 4)
    values, mass, _ = oracle.loss(answered(method, data), rows, weight=weight)
    term = method(data)["cross_entropy"]
    assert term.sum.item() == pytest.approx(values.sum(), rel=1e-5)
    assert term.mass.item() == pytest.approx(mass.sum(), rel=1e-5)


def test_a_weight_does_not_bend_a_label() -> None:
    """At logits that answer the votes themselves the gradient is 0, whatever the weights."""
    method = made("class_weighted", weighting="inverse")
    method.task = Distribution(["a", "b", "c", "d"])
    counted = torch.tensor([[6.0, 2.0, 1.0, 1.0]])
    logits = (counted / 10).log().requires_grad_()
    method.network.forward = lambda inputs: logits
    term = method(Batch(torch.zeros(1), counted, torch.arange(1)))["cross_entropy"]
    term.sum.backward()
    assert logits.grad.abs().max() < 1e-6
    assert term.mass.item() == pytest.approx((counted[0] / 10 * method.weight).sum().item())


def test_a_beta_of_0_weighs_nothing() -> None:
    method, plain = made("class_weighted", beta=0.0), made("cross_entropy")
    torch.testing.assert_close(mean(method(batch())["cross_entropy"]), mean(plain(batch())["cross_entropy"]))
    assert not method.corrects_prior


def test_deferred_weights_wait():
    method, plain = made("class_weighted", defer=0.8).eval(), made("cross_entropy").eval()
    method.begin_epoch(7, 10)
    torch.testing.assert_close(mean(method(batch())["cross_entropy"]), mean(plain(batch())["cross_entropy"]))
    method.begin_epoch(8, 10)
    assert mean(method(batch())["cross_entropy"]) != mean(plain(batch())["cross_entropy"])


def test_weights_deferred_to_the_end_never_count() -> None:
    method = made("class_weighted", defer=1.0)
    method.begin_epoch(9, 10)
    assert not method.weighs
    assert not method.corrects_prior
    assert made("class_weighted", defer=0.8).corrects_prior
