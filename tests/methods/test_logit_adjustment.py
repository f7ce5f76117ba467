"""Logit adjustment: the prior in the loss, or taken out of the answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.methods.made import COUNTS, answered, batch, made, mean
from tests.oracle import labels as label_oracle
from tests.oracle import losses as oracle


def test_logit_adjustment_with_tau_1_is_balanced_softmax():
    adjusted, balanced = made("logit_adjustment"), made("balanced_softmax")
    torch.testing.assert_close(mean(adjusted(batch())["cross_entropy"]), mean(balanced(batch())["cross_entropy"]))


def test_post_hoc_adjustment_trains_plainly_and_subtracts_the_prior():
    method, plain = made("logit_adjustment", when="post-hoc", tau=1.5), made("cross_entropy")
    assert torch.equal(method(batch())["cross_entropy"].sum, plain(batch())["cross_entropy"].sum)
    expected = -1.5 * (COUNTS / COUNTS.sum()).log().float()
    torch.testing.assert_close(method.adjust(torch.zeros(2, 4)), expected.expand(2, 4))


@pytest.mark.parametrize("tau", [0.5, 1.0, 2.0])
def test_the_loss_is_the_published_one(tau: float) -> None:
    method, data = made("logit_adjustment", tau=tau).eval(), batch()
    prior = COUNTS.numpy() / COUNTS.numpy().sum()
    rows = label_oracle.hard(data.annotation.numpy(), 4)
    values, mass, _ = oracle.loss(answered(method, data) + tau * np.log(prior), rows)
    term = method(data)["cross_entropy"]
    assert term.sum.item() == pytest.approx(values.sum(), rel=1e-5)
    assert term.mass.item() == mass.sum()
    assert torch.equal(method.adjust(torch.ones(1, 4)), torch.ones(1, 4))


@pytest.mark.parametrize("when", ["loss", "post-hoc"])
def test_a_tau_of_0_is_cross_entropy(when: str) -> None:
    method, plain = made("logit_adjustment", tau=0.0, when=when), made("cross_entropy")
    assert torch.equal(method(batch())["cross_entropy"].sum, plain(batch())["cross_entropy"].sum)
    assert torch.equal(method.adjust(torch.ones(1, 4)), torch.ones(1, 4))
    assert not method.corrects_prior
