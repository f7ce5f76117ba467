"""The softmax focal loss: both paths against the twin, with any options and label, and at the edges."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from softlabel.labels import dense, hard, smoothed
from softlabel.losses import cross_entropy, focal_loss, sum_and_mass
from softlabel.losses.engine import fused
from tests.oracle import losses as oracle

INF = float("inf")
GAMMAS = [0.0, 0.3, 1.0, 2.0, 5.5]


@pytest.fixture(params=["fused", "plain"])
def path(request, monkeypatch):
    """The sweep in small blocks, and the plain chain."""
    monkeypatch.setitem(fused.BLOCK_BYTES, "cpu", 160)
    return {"fused": request.param == "fused"}


def with_gradient(logits, *arguments, **options):
    logits = logits.detach().clone().requires_grad_()
    value = focal_loss(logits, *arguments, **options)
    return value.detach(), torch.autograd.grad(value.sum(), logits)[0]


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("names", list(itertools.combinations(["weight", "sample_weight", "mask", "class_mask"], 2)))
def test_equals_its_twin_with_any_options(gamma, names, path):
    shape, num_classes = (6, 2), 5
    rows = torch.softmax(torch.randn(*shape, num_classes, dtype=torch.float64), -1)
    logits = 2 * torch.randn(6, num_classes, 2, dtype=torch.float64)
    every = {
        "weight": torch.rand(num_classes, dtype=torch.float64) + 0.1,
        "sample_weight": torch.rand(6, dtype=torch.float64),
        "mask": torch.rand(shape) > 0.3,
        "class_mask": torch.arange(num_classes) != 1,
    }
    options = {name: every[name] for name in names}
    with np.errstate(invalid="ignore"):
        values, mass, gradient = oracle.loss(
            logits.movedim(1, -1).numpy(), rows.numpy(), gamma=gamma, **{n: o.numpy() for n, o in options.items()}
        )
    for reduction in ("none", "sum", "mean"):
        value, found = with_gradient(logits, dense(rows), gamma, reduction=reduction, **options, **path)
        np.testing.assert_allclose(value, oracle.reduced(values, mass, reduction), atol=1e-12)
        divisor = mass.sum() if reduction == "mean" else 1
        np.testing.assert_allclose(found.movedim(1, -1), gradient / divisor, atol=1e-12)
    both = sum_and_mass(focal_loss, logits, dense(rows), gamma, **options, **path)
    np.testing.assert_allclose([both.sum.item(), both.mass.item()], [values.sum(), mass.sum()], atol=1e-12)


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_extremes_are_those_of_the_twin(gamma, dtype, path):
    """Offsets of 1e4, probabilities of exactly 0 and 1, and in between."""
    row = torch.tensor(
        [[1e4, 0, -1e4], [-1e4, 1e4, 1e4], [88.0, -88, 0], [1e-3, 0, 0], [17, 0, -17], [-1e4, -1e4, -1e4]]
    )
    logits = row.to(dtype)
    for target in (torch.tensor([0, 0, 2, 1, 0, 1]), torch.full((6, 3), 1 / 3, dtype=dtype)):
        rows = (torch.eye(3)[target] if target.dtype == torch.int64 else target).double().numpy()
        values, _, gradient = oracle.loss(logits.double().numpy(), rows, gamma=gamma)
        value, found = with_gradient(logits, target, gamma, reduction="none", **path)
        close = {"rtol": 1e-9 if dtype == torch.float64 else 1e-4, "atol": 1e-6}
        np.testing.assert_allclose(value.double(), values, **close)
        loose = {torch.bfloat16: 1e-2, torch.float16: 2e-3}.get(dtype, 1e-6)
        np.testing.assert_allclose(found.double(), gradient, rtol=loose, atol=loose)


@pytest.mark.parametrize("gamma", GAMMAS)
def test_minus_infinity_counts_only_where_the_label_has_mass(gamma, path):
    logits = torch.tensor([[0.0, 1.0, -INF], [-INF, 2.0, 1.0]])
    for target in (torch.tensor([0, 1]), torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.3, 0.7]])):
        value, gradient = with_gradient(logits, target, gamma, **path)
        expected = with_gradient(logits.masked_fill(logits == -INF, -1e30), target, gamma, **path)
        assert value.isfinite()
        torch.testing.assert_close((value, gradient), expected)
    assert focal_loss(logits, smoothed(torch.tensor([0, 1]), 3, 0.1), gamma, **path) == INF


def test_nothing_gives_zero(path):
    value, gradient = with_gradient(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), **path)
    assert (value.item(), gradient.shape) == (0, (0, 4))
    logits = torch.randn(3, 4)
    logits[0, 0] = INF
    for target in (torch.full((3,), -100), torch.zeros(3, 4), smoothed(torch.full((3,), -100), 4, 0.1)):
        value, gradient = with_gradient(logits, target, **path)
        assert value == 0
        assert (gradient == 0).all()


def test_without_focus_it_is_cross_entropy(path):
    logits, index = torch.randn(4, 5, 3, 2), torch.randint(5, (4, 3, 2))
    for label in (index, hard(index, 5), smoothed(index, 5, 0.2)):
        expected = cross_entropy(logits, label, reduction="none", ignore_index=2)
        torch.testing.assert_close(focal_loss(logits, label, 0.0, reduction="none", ignore_index=2, **path), expected)


def test_rows_that_do_not_sum_to_one_follow_the_formula():
    logits, rows = torch.randn(8, 5), torch.rand(8, 5)
    torch.testing.assert_close(with_gradient(logits, rows), with_gradient(logits, rows, fused=False))


@pytest.mark.parametrize("gamma", [-0.1, INF, float("nan")])
def test_another_gamma_is_refused(gamma):
    with pytest.raises(ValueError, match=r"gamma is .*, expected a finite number from 0"):
        focal_loss(torch.zeros(1, 2), torch.tensor([0]), gamma)


def test_a_learned_gamma_is_refused():
    with pytest.raises(TypeError, match="gamma is a tensor"):
        focal_loss(torch.zeros(1, 2), torch.tensor([0]), torch.tensor(2.0, requires_grad=True))


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_the_gradient_is_that_of_its_values(gamma):
    z = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    label = hard(torch.tensor([0, 1, 2, 1, -100]), 3)
    assert torch.autograd.gradcheck(lambda z: focal_loss(z, label, gamma, fused=False), (z,))
