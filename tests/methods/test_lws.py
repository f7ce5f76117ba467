"""LWS: one factor per class on a head that stays."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.methods.made import after_first_stage, batch, enter, learn
from tests.oracle import labels as label_oracle
from tests.oracle import losses as oracle


def test_lws_begins_with_the_logits_of_the_first_stage_and_learns_k_numbers():
    method = after_first_stage("lws")
    method.eval()
    before = method.network(batch().inputs)
    enter(method, 1)
    method.eval()
    torch.testing.assert_close(method.classify(method.frozen_features(batch())), before)
    assert sum(p.numel() for p in method.parameters() if p.requires_grad) == 4
    old = method.network.head.weight.clone()
    learn(method)
    factors = method.network.head.weight / old
    torch.testing.assert_close(factors, method.scaled.scale[:, None].expand_as(factors), rtol=1e-4, atol=1e-4)


def test_its_loss_is_cross_entropy_of_scaled_logits_and_moves_the_factors_alone() -> None:
    method, data = after_first_stage("lws"), batch()
    enter(method, 1)
    method.eval()
    head = method.network.head
    weight, bias = (part.detach().double().numpy().copy() for part in (head.weight, head.bias))
    factors = np.array([2.0, 1.0, 0.5, 3.0])
    with torch.no_grad():
        method.scaled.scale.copy_(torch.from_numpy(factors))
        pooled = method.network.features(data.inputs).pooled.double().numpy()
    rows = label_oracle.hard(data.annotation.numpy(), 4)
    plain = pooled @ weight.T + bias
    values, _, gradient = oracle.loss(factors * plain, rows)
    term = method(data)["cross_entropy"]
    assert term.sum.item() == pytest.approx(values.sum(), rel=1e-4)
    term.sum.backward()
    np.testing.assert_allclose(method.scaled.scale.grad.numpy(), (gradient * plain).sum(0), rtol=1e-3, atol=1e-4)
    assert method.scaled.weight.grad is None
    assert all(parameter.grad is None or not parameter.requires_grad for parameter in method.network.parameters())
    np.testing.assert_allclose(head.weight.detach().numpy(), factors[:, None] * weight, rtol=1e-5)  # what ships
