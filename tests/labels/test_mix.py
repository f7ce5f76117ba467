"""Mixtures of any two kinds."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from softlabel.labels import Mixture, Sparse, from_table, hard, mix, smoothed
from tests.labels.kinds import discovered_kinds, example_of
from tests.oracle import labels as oracle


def example(shape, num_classes):
    index = torch.randint(num_classes, shape)
    table = torch.softmax(torch.randn(num_classes, num_classes, dtype=torch.float64), -1)
    weight = torch.rand(shape, dtype=torch.float64)
    label = mix(hard(index, num_classes), from_table(index, table), weight)
    rows = oracle.mix(oracle.hard(index.numpy(), num_classes), table.numpy()[index.numpy()], weight.numpy())
    return label, rows


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0, "sample", "element"])
@pytest.mark.parametrize(("one", "other"), list(itertools.product(discovered_kinds(), repeat=2)))
def test_any_two_kinds(one, other, weight):
    (a, rows_a), (b, rows_b) = example_of(one)((4, 3), 6), example_of(other)((4, 3), 6)
    if weight == "sample":
        weight = torch.rand(4, dtype=torch.float64)
    elif weight == "element":
        weight = torch.rand(4, 3, dtype=torch.float64)
    label = mix(a, b, weight)
    rows = oracle.mix(rows_a, rows_b, np.asarray(weight))
    assert isinstance(label, Sparse) == (isinstance(a, Sparse) and isinstance(b, Sparse))
    np.testing.assert_allclose(label.dense(torch.float64), rows, atol=1e-6)
    np.testing.assert_allclose(label.entropy(torch.float64), oracle.entropy(rows), atol=1e-5)
    np.testing.assert_allclose(label.mass, rows.sum(-1), atol=1e-6)


def test_the_same_class_twice_is_one_class():
    index = torch.tensor([2, 2])
    label = mix(smoothed(index, 5, 0.1), smoothed(torch.tensor([2, 1]), 5, 0.3), torch.tensor([0.5, 0.25]))
    np.testing.assert_allclose(label.entropy(), oracle.entropy(label.dense(torch.float64).numpy()), atol=1e-6)


def test_mixtures_of_mixtures_write_nothing_out():
    index = torch.tensor([0, 1])
    table = torch.full((2, 2), 0.5)
    inside = mix(from_table(index, table), hard(index, 2), 0.5)
    label = mix(inside, smoothed(index, 2, 0.2), 0.5)
    assert isinstance(label, Mixture)
    torch.testing.assert_close(label.dense().sum(-1), torch.ones(2))


def test_half_an_unknown_label_is_unknown():
    label = mix(hard(torch.tensor([0, -100, 1]), 2), hard(torch.tensor([1, 1, -100]), 2), 0.9)
    assert label.mass.tolist() == [1, 0, 0]
    assert label.dense().sum(-1).tolist() == [1, 0, 0]


def test_what_does_not_fit_is_refused():
    a = hard(torch.tensor([0, 1]), 3)
    with pytest.raises(ValueError, match=r"cannot mix labels of shape \(2,\) over 3 classes with .* over 4 classes"):
        mix(a, hard(torch.tensor([0, 1]), 4), 0.5)
    with pytest.raises(ValueError, match=r"weight is 1.5"):
        mix(a, a, 1.5)
    with pytest.raises(ValueError, match=r"weight has shape \(3,\)"):
        mix(a, a, torch.rand(3))
