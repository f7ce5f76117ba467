"""The expectation loss against NumPy, its gradient by the published formula, and its edges."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from softlabel.losses import expectation_loss, sum_and_mass

GRID = torch.arange(5.0, dtype=torch.float64)


def logits(seed: int = 0, n: int = 4) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(0, 2, (n, len(GRID))))


@given(st.integers(0, 1000), st.floats(-3, 8))
def test_it_is_the_absolute_error_of_the_mean(seed: int, value: float) -> None:
    z = logits(seed, 1)
    p = np.exp(z.numpy()) / np.exp(z.numpy()).sum(1, keepdims=True)
    found = sum_and_mass(expectation_loss, z, torch.tensor([value], dtype=torch.float64), GRID)
    assert float(found.sum) == pytest.approx(abs(float((p * GRID.numpy()).sum()) - value), abs=1e-12)
    assert float(found.mass) == 1


def test_gradient_is_the_published_one() -> None:
    z = logits().requires_grad_()
    value = torch.tensor([0.5, 3.7, 2.0, 9.0], dtype=torch.float64)
    expectation_loss(z, value, GRID, reduction="sum").backward()
    p = z.detach().softmax(-1)
    mean = p @ GRID
    expected = torch.sign(mean - value)[:, None] * p * (GRID - mean[:, None])
    torch.testing.assert_close(z.grad, expected)
    assert torch.autograd.gradcheck(lambda x: expectation_loss(x, value, GRID), (logits(1).requires_grad_(),))


def test_an_exact_mean_has_no_gradient() -> None:
    z = torch.zeros(1, 5, dtype=torch.float64, requires_grad=True)
    expectation_loss(z, torch.tensor([2.0], dtype=torch.float64), GRID).backward()
    assert float(z.grad.abs().max()) < 1e-12  # type: ignore[union-attr]


def test_a_row_without_a_value_is_ignored_and_half_precision_is_computed_in_float32() -> None:
    found = sum_and_mass(
        expectation_loss, logits().to(torch.bfloat16), torch.tensor([1.0, torch.nan, 2.0, torch.nan]), GRID.float()
    )
    assert (float(found.mass), found.sum.dtype) == (2, torch.float32)
    assert torch.isfinite(found.sum)
