"""Focal loss, class weights and attention transfer against their formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from softlabel.labels import dense, hard
from softlabel.losses import (
    attention_distance,
    cross_entropy,
    effective_number,
    focal_loss,
    inverse_frequency,
    sigmoid_focal_loss,
    sum_and_mass,
)


def focal_twin(z, q, gamma, weight):
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    values = -(q * (1 - p) ** gamma * np.log(p)).sum(1)
    mass = (q * weight).sum(1)
    return (values * mass).sum() / mass.sum()


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_focal_equals_its_twin(gamma):
    g = torch.Generator().manual_seed(0)
    z = torch.randn(7, 4, generator=g, dtype=torch.float64)
    q = torch.rand(7, 4, generator=g, dtype=torch.float64)
    q /= q.sum(1, keepdim=True)
    weight = torch.tensor([0.2, 1.0, 0.8, 2.0], dtype=torch.float64)
    loss = sum_and_mass(focal_loss, z, dense(q), gamma, weight=weight)
    twin = focal_twin(z.numpy(), q.numpy(), gamma, weight.numpy())
    assert float(loss.sum / loss.mass) == pytest.approx(twin, rel=1e-9)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_the_gradient_of_focal_is_that_of_its_values(gamma):
    z = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    label = hard(torch.tensor([0, 1, 2, 1, -100]), 3)
    assert torch.autograd.gradcheck(lambda z: focal_loss(z, label, gamma, fused=False), (z,))


def sigmoid_focal_twin(z, t, gamma):
    s = 1 / (1 + np.exp(-z))
    return -t * (1 - s) ** gamma * np.log(s) - (1 - t) * s**gamma * np.log(1 - s)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 5.0])
def test_sigmoid_focal_equals_its_twin(gamma):
    g = torch.Generator().manual_seed(0)
    z, t = 3 * torch.randn(7, 4, generator=g, dtype=torch.float64), torch.rand(7, 4, generator=g, dtype=torch.float64)
    twin = sigmoid_focal_twin(z.numpy(), t.numpy(), gamma)
    np.testing.assert_allclose(sigmoid_focal_loss(z, t, gamma, reduction="none").numpy(), twin, rtol=1e-9)
    if gamma == 0:
        plain = F.binary_cross_entropy_with_logits(z, t, reduction="none")
        torch.testing.assert_close(sigmoid_focal_loss(z, t, 0.0, reduction="none"), plain)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_the_gradient_of_sigmoid_focal_is_that_of_its_values(gamma):
    z, t = torch.randn(5, 3, dtype=torch.float64, requires_grad=True), torch.eye(5, 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda z: sigmoid_focal_loss(z, t, gamma, reduction="none"), (z,))
    sure = torch.tensor([500.0, -500.0, 500.0], requires_grad=True)
    loss = sigmoid_focal_loss(sure, torch.tensor([1.0, 0.0, 0.0]), gamma, reduction="none")
    loss.sum().backward()
    assert loss.tolist() == [0.0, 0.0, 500.0]
    assert sure.grad.tolist() == [0.0, 0.0, 1.0]


def test_focal_with_gamma_0_is_cross_entropy():
    z, index = torch.randn(6, 5), torch.tensor([0, 1, 2, 3, 4, 0])
    torch.testing.assert_close(focal_loss(z, index, 0.0), cross_entropy(z, index))


def test_focal_is_finite_where_the_answer_is_certain():
    z = torch.tensor([[200.0, -200.0], [-200.0, 200.0]], requires_grad=True)
    loss = focal_loss(z, torch.tensor([0, 0]), 0.5, reduction="sum")
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(z.grad).all()
    assert loss.item() == pytest.approx(400.0)


def test_an_ignored_sample_counts_nothing():
    z = torch.randn(3, 4)
    some = sum_and_mass(focal_loss, z, torch.tensor([1, -100, 2]), 2.0)
    kept = sum_and_mass(focal_loss, z[[0, 2]], torch.tensor([1, 2]), 2.0)
    torch.testing.assert_close(some.sum, kept.sum)
    assert some.mass.item() == 2


@given(st.lists(st.integers(1, 5000), min_size=2, max_size=10))
def test_weights_add_up_to_the_number_of_classes(counts):
    counts = torch.tensor(counts)
    for weights in (inverse_frequency(counts), inverse_frequency(counts, 0.5), effective_number(counts, 0.999)):
        assert weights.sum().item() == pytest.approx(len(counts))
        assert (weights[counts.argsort()].diff() <= 1e-9).all()


def test_effective_numbers_lead_from_no_weights_to_the_inverse_frequency():
    counts = torch.tensor([500.0, 50.0, 5.0])
    assert effective_number(counts, 0.0).tolist() == [1.0, 1.0, 1.0]
    torch.testing.assert_close(effective_number(counts, 1 - 1e-12), inverse_frequency(counts), rtol=1e-6, atol=0)
    ratio = effective_number(counts)[2] / effective_number(counts)[0]
    assert ratio.item() == pytest.approx((1 - 0.9999**500) / (1 - 0.9999**5), rel=1e-9)  # about 97.6: METHODS 6.5
    assert ratio.item() == pytest.approx(97.6, abs=0.1)


def test_a_class_without_samples_counts_as_one():
    assert inverse_frequency(torch.tensor([4.0, 0.0])).tolist() == pytest.approx([0.4, 1.6])
    assert torch.isfinite(effective_number(torch.tensor([4.0, 0.0]))).all()


@pytest.mark.parametrize("beta", [1.0, -0.1])
def test_a_beta_that_is_none_is_refused(beta):
    with pytest.raises(ValueError, match="beta"):
        effective_number(torch.tensor([1.0]), beta)


def test_attention_does_not_see_the_scale_and_is_zero_for_itself():
    g = torch.Generator().manual_seed(1)
    a, b = torch.rand(2, 3, 4, 4, generator=g), torch.rand(2, 6, 4, 4, generator=g)
    torch.testing.assert_close(attention_distance(3 * a, b), attention_distance(a, b))
    assert attention_distance(a, 5 * a).abs().max().item() < 1e-12
    maps = [(x.double().numpy() ** 2).mean(1).reshape(2, -1) for x in (a, b)]
    maps = [m / np.linalg.norm(m, axis=1, keepdims=True) for m in maps]
    np.testing.assert_allclose(
        attention_distance(a, b, reduction="none").numpy(), ((maps[0] - maps[1]) ** 2).mean(1), rtol=1e-5
    )
