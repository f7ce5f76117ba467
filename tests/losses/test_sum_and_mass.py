"""Every loss gives a tensor to call backward on, and its mean is sum over mass."""

from __future__ import annotations

import math

import pytest
import torch

from softlabel import losses
from softlabel.losses import (
    attention_distance,
    cross_entropy,
    expectation_loss,
    focal_loss,
    kl_divergence,
    sigmoid_focal_loss,
    similarity_distance,
    sum_and_mass,
)

TWO = torch.tensor([True, False, True])
NO_LOSS = {"SumAndMass", "effective_number", "inverse_frequency", "sum_and_mass"}

CASES = {  # shape of what learns, the other arguments, the mass, the shape of the elements
    cross_entropy: ((3, 4), (torch.tensor([1, -100, 2]),), 2, (3,)),
    kl_divergence: ((3, 4), (torch.full((3, 4), 0.25),), 3, (3,)),
    focal_loss: ((3, 4), (torch.tensor([1, -100, 2]), 1.5), 2, (3,)),
    expectation_loss: ((3, 4), (torch.tensor([1.0, math.nan, 2.0]), torch.arange(4.0)), 2, (3,)),
    sigmoid_focal_loss: ((3, 4), (torch.eye(3, 4), 1.5), 12, (3, 4)),
    attention_distance: ((3, 4, 2, 2), (torch.rand(3, 5, 2, 2),), 3, (3,)),
    similarity_distance: ((2, 3, 3), (torch.randn(2, 3, 3), TWO.expand(2, 3), TWO.expand(2, 3)), 8, (2, 3)),
}


def test_no_loss_is_left_out():
    assert {loss.__name__ for loss in CASES} == set(losses.__all__) - NO_LOSS


@pytest.mark.parametrize("loss", CASES)
def test_a_loss_is_a_tensor_and_its_mean_is_sum_over_mass(loss):
    shape, arguments, mass, elements = CASES[loss]
    logits = torch.randn(shape, requires_grad=True)
    mean = loss(logits, *arguments)
    mean.backward()
    assert logits.grad.isfinite().all()
    assert logits.grad.abs().sum() > 0
    both = sum_and_mass(loss, logits, *arguments)
    each = loss(logits, *arguments, reduction="none")
    assert (both.mass.item(), each.shape) == (mass, elements)
    torch.testing.assert_close(mean, both.sum / both.mass)
    torch.testing.assert_close(loss(logits, *arguments, reduction="sum"), both.sum)
    torch.testing.assert_close(each.sum(), both.sum)


@pytest.mark.parametrize("loss", CASES)
def test_reductions_that_are_none_are_refused(loss):
    shape, arguments, _, _ = CASES[loss]
    with pytest.raises(ValueError, match="reduction is 'avg', expected one of 'none', 'mean', 'sum'"):
        loss(torch.randn(shape), *arguments, reduction="avg")
    with pytest.raises(TypeError, match="takes no reduction"):
        sum_and_mass(loss, torch.randn(shape), *arguments, reduction="sum")


def test_the_mean_of_nothing_is_zero():
    nan, grid, none = torch.full((2,), math.nan), torch.arange(4.0), torch.zeros(2, dtype=torch.bool)
    for value in (
        expectation_loss(torch.randn(2, 4), nan, grid),
        sigmoid_focal_loss(torch.zeros(0, 4), torch.zeros(0, 4)),
        attention_distance(torch.zeros(0, 4, 2, 2), torch.zeros(0, 4, 2, 2)),
        similarity_distance(torch.ones(2, 2), torch.eye(2), none, none),
    ):
        assert value.item() == 0
