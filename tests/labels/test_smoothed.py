"""Label smoothing: the two conventions and their relation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from softlabel.labels import hard, mix, smoothed
from tests.oracle import labels as oracle


def example(shape, num_classes):
    index = torch.randint(num_classes, shape)
    if index.numel() > 2:
        index.view(-1)[2] = -100
    epsilon = torch.linspace(0.05, 0.4, num_classes, dtype=torch.float64)
    label = smoothed(index, num_classes, epsilon, "others")
    return label, oracle.smoothed(index.numpy(), num_classes, epsilon.numpy(), "others")


@pytest.mark.parametrize("convention", ["uniform", "others"])
@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.85, 1.0, torch.tensor(0.3), torch.linspace(0, 1, 6)])
def test_equals_its_twin(convention, epsilon):
    index = torch.tensor([[0, 5, 3], [-100, 2, 2]])
    label = smoothed(index, 6, epsilon, convention)
    rows = oracle.smoothed(index.numpy(), 6, np.asarray(epsilon), convention)
    np.testing.assert_allclose(label.dense(torch.float64).numpy(), rows, atol=1e-7)
    np.testing.assert_allclose(label.entropy(torch.float64).numpy(), oracle.entropy(rows), atol=1e-6)


@given(st.integers(2, 9), st.floats(0, 1))
def test_the_conventions_are_one_family(num_classes, epsilon):
    """METHODS: (others, epsilon) is (uniform, epsilon K / (K - 1))."""
    index = torch.arange(num_classes)
    others = smoothed(index, num_classes, epsilon, "others").dense(torch.float64)
    share = epsilon * num_classes / (num_classes - 1)
    uniform = share * torch.full((num_classes,) * 2, 1 / num_classes, dtype=torch.float64)
    uniform += (1 - share) * torch.eye(num_classes, dtype=torch.float64)
    torch.testing.assert_close(others, uniform, atol=1e-12, rtol=0)


def test_a_float_epsilon_is_exact_in_float64():
    q = smoothed(torch.tensor([1]), 4, 0.1).dense(torch.float64)
    assert q[0].tolist() == pytest.approx([0.025, 0.925, 0.025, 0.025], abs=1e-16)


def test_smoothing_is_mixing_with_the_uniform_label():
    index = torch.tensor([0, 3, -100])
    mixed = mix(smoothed(index, 4, 1.0), hard(index, 4), 0.2)
    torch.testing.assert_close(mixed.dense(), smoothed(index, 4, 0.2).dense())


def test_bad_arguments_are_refused():
    index = torch.tensor([0, 1])
    with pytest.raises(ValueError, match=r"epsilon is 1.5, expected a share between 0 and 1"):
        smoothed(index, 3, 1.5)
    with pytest.raises(ValueError, match="epsilon, class 1 is nan"):
        smoothed(index, 3, torch.tensor([0.1, float("nan"), 0.1]))
    with pytest.raises(ValueError, match=r"epsilon has shape \(2,\)"):
        smoothed(index, 3, torch.zeros(2))
    with pytest.raises(ValueError, match="convention is 'classy'"):
        smoothed(index, 3, 0.1, "classy")
    with pytest.raises(ValueError, match="at least 2 classes"):
        smoothed(torch.tensor([0]), 1, 0.1, "others")
    with pytest.raises(ValueError, match="row 1: 3 is not a class"):
        smoothed(torch.tensor([0, 3]), 3, 0.1)
