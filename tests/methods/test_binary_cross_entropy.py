"""Sigmoid binary cross-entropy: a sum over labels, difficult ones left out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from softlabel.methods.base.discovery import find_method
from softlabel.methods.binary_cross_entropy import binary_cross_entropy
from softlabel.tasks.config import AxisConfig
from softlabel.tasks.ordinal import Ordinal
from tests.methods import made_levels as levels


def test_binary_cross_entropy_is_a_sum_over_labels_that_are_not_difficult() -> None:
    g = torch.Generator().manual_seed(5)
    z, level = 3 * torch.randn(9, levels.K, generator=g, dtype=torch.float64), levels.training_levels()[:9]
    p = 1 / (1 + np.exp(-z.numpy()))
    y, counted = level.numpy() == 2, level.numpy() != 1
    expected = -np.sum((y * np.log(p) + (1 - y) * np.log(1 - p))[counted])
    term = binary_cross_entropy(z.requires_grad_(), level)
    assert float(term.sum.detach()) == pytest.approx(expected, rel=1e-6)
    assert float(term.mass) == 9  # rows without a label are negatives of every class
    (gradient,) = torch.autograd.grad(term.sum, z)
    np.testing.assert_allclose(gradient.numpy(), (p - y) * counted, atol=1e-6)


def test_the_method_is_that_sum_and_is_read_by_the_sigmoid() -> None:
    method, data = levels.made("binary_cross_entropy"), levels.batch(levels.training_levels()[:12])
    expected = binary_cross_entropy(method.network(data.inputs), data.annotation)
    (term,) = method(data).values()
    assert torch.equal(term.sum, expected.sum)
    assert torch.equal(term.mass, expected.mass)
    assert method.link_of(method.config, method.task) == "sigmoid"


@pytest.mark.parametrize("code", [0, 1, 2])
def test_logits_beyond_what_a_sigmoid_can_tell_apart_cost_what_they_are_wrong_by(code: int) -> None:
    z = torch.tensor([[1e4, -1e4, 0.0]], requires_grad=True)
    term = binary_cross_entropy(z, torch.full((1, 3), code, dtype=torch.uint8))
    wrong = {0: 1e4 + np.log(2), 1: 0.0, 2: 1e4 + np.log(2)}[code]  # of difficult labels nothing is wrong
    assert term.sum.item() == pytest.approx(wrong)
    term.sum.backward()
    assert z.grad is not None
    assert bool(z.grad.isfinite().all())
    assert term.mass.item() == 1


def test_tasks_of_one_label_a_row_are_refused() -> None:
    task = Ordinal(torch.arange(5.0), AxisConfig())
    reason = find_method("binary_cross_entropy").supports(task, levels.NETWORK)
    assert reason == "it decides on every label by itself, and of the labels of the task ordinal only one is true"
