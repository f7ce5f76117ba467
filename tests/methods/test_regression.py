"""Regression: one number a row, whose error is measured in spreads of the training values."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from softlabel.methods.base.discovery import find_method
from softlabel.methods.base.method import TrainingSet
from softlabel.networks.heads import ValueHead
from tests.methods import made_axis as axis


@pytest.mark.parametrize(("error", "power"), [("absolute", 1), ("squared", 2)])
def test_regression_measures_errors_in_spreads_of_the_training_values(error: str, power: int) -> None:
    method, data = axis.made("regression", error=error), axis.batch()
    head = method.network.head
    assert isinstance(head, ValueHead)
    assert head.scale.tolist() == pytest.approx([30, 5])
    value = head.value(method.network.features(data.inputs).pooled).detach()
    expected = ((value - data.annotation[:, 0]) / 5).abs().pow(power).sum()
    torch.testing.assert_close(method(data)["error"].sum.detach(), expected)


def test_a_regression_answers_with_its_number_as_the_mean() -> None:
    method, data = axis.made("regression"), axis.batch()
    head = method.network.head
    assert isinstance(head, ValueHead)
    value = head.value(method.network.features(data.inputs).pooled).detach()
    inside = (value > 24) & (value < 36)
    assert bool(inside.any())
    mean = method.network(data.inputs).softmax(-1).detach() @ axis.GRID
    torch.testing.assert_close(mean[inside], value[inside], atol=1e-3, rtol=0)


@pytest.mark.parametrize(("error", "power"), [("absolute", 1), ("squared", 2)])
def test_the_gradient_in_the_value_is_that_of_the_error(error: str, power: int) -> None:
    method, data = axis.made("regression", error=error), axis.batch()
    value = torch.linspace(15.0, 45.0, len(data)).requires_grad_()
    method.network.head.value = lambda pooled: value
    method(data)["error"].sum.backward()
    away = (value.detach() - data.annotation[:, 0]).double().numpy() / 5
    expected = power * np.sign(away) * np.abs(away) ** (power - 1) / 5
    np.testing.assert_allclose(value.grad.numpy(), expected, rtol=1e-4)


def test_training_values_that_are_all_equal_have_a_spread_above_0() -> None:
    own, kind = axis.made("regression"), find_method("regression")
    counts = torch.zeros(21, dtype=torch.float64)
    counts[4] = 7
    method = kind(kind.Config(), own.network, own.task, TrainingSet(7, counts, lambda folder: own.network))
    assert method.network.head.scale.tolist() == pytest.approx([24, 1e-6])
    assert bool(method(axis.batch())["error"].sum.isfinite())
