"""Similarity preserving against a float64 oracle; what it does not see."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from softlabel.losses import similarity_distance

ROWS = torch.tensor([True, True, False, True, True])


def distance(one: Tensor, other: Tensor) -> Tensor:
    return similarity_distance(one @ one.T, other @ other.T, ROWS, ROWS, reduction="sum")


def features(seed: int, width: int) -> Tensor:
    return torch.randn(5, width, generator=torch.Generator().manual_seed(seed))


def test_against_the_formula_on_the_rows_that_count() -> None:
    one, other = (features(seed, width)[ROWS].double().numpy() for seed, width in ((0, 3), (1, 6)))
    grams = [each @ each.T for each in (one, other)]
    lengths = [np.linalg.norm(gram, axis=1, keepdims=True) for gram in grams]
    expected = ((grams[0] / lengths[0] - grams[1] / lengths[1]) ** 2).sum()
    np.testing.assert_allclose(distance(features(0, 3), features(1, 6)), expected, rtol=1e-5)


def test_rotations_do_not_matter() -> None:
    one, other = features(0, 4), features(1, 6)
    turn, _ = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(2)))
    torch.testing.assert_close(distance(one, other @ turn), distance(one, other), rtol=1e-4, atol=1e-5)


def test_scaled_features_are_alike() -> None:
    one = features(0, 4)
    assert distance(one, 7 * one).item() < 1e-10


def test_both_sides_get_gradients_and_rows_that_do_not_count_none() -> None:
    one, other = features(0, 3).requires_grad_(), features(1, 6).requires_grad_()
    distance(one, other).backward()
    for each in (one, other):
        assert (each.grad[ROWS].abs().sum(1) > 0).all()
        assert each.grad[~ROWS].abs().sum() == 0


def test_a_row_of_zeros_has_no_bad_gradient() -> None:
    one = torch.cat([torch.zeros(1, 3), features(0, 3)[1:]]).requires_grad_()
    distance(one, features(1, 6)).backward()
    assert one.grad.isfinite().all()
