"""The largest probabilities of a distribution."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from softlabel.labels import top_k
from tests.oracle import labels as oracle


def listed(shape, num_classes, count=2):
    return torch.softmax(torch.randn(*shape, num_classes, dtype=torch.float64), -1).topk(count, -1)


def example(shape, num_classes):
    values, indices = listed(shape, num_classes)
    return top_k(values, indices, num_classes), oracle.top_k(values.numpy(), indices.numpy(), num_classes, "spread")


@pytest.mark.parametrize("rest", ["spread", "renormalise"])
@pytest.mark.parametrize("count", [1, 3, 6])
def test_equals_its_twin(rest, count):
    values, indices = listed((4, 2), 6, count)
    label = top_k(values, indices, 6, rest)
    rows = oracle.top_k(values.numpy(), indices.numpy(), 6, rest)
    np.testing.assert_allclose(label.dense(torch.float64), rows, atol=1e-12)
    np.testing.assert_allclose(label.entropy(torch.float64), oracle.entropy(rows), atol=1e-12)


def test_stored_half_precision_is_read():
    values, indices = listed((5,), 8)
    label = top_k(values.half(), indices.short(), 8)
    torch.testing.assert_close(label.dense().sum(-1), torch.ones(5))


def test_bad_rows_are_named():
    half = torch.tensor([[0.5, 0.4], [0.5, 0.4]])
    classes = torch.tensor([[0, 1], [2, 1]])
    with pytest.raises(ValueError, match="row 1: a class is listed twice"):
        top_k(half, torch.tensor([[0, 1], [1, 1]]), 3)
    with pytest.raises(ValueError, match="row 1, entry 0: 3 is not a class from 0 to 2"):
        top_k(half, torch.tensor([[0, 1], [3, 1]]), 3)
    with pytest.raises(ValueError, match=r"row 0: sum to 1.8, expected at most 1 \(2 such in all\)"):
        top_k(half * 2, classes, 3)
    with pytest.raises(ValueError, match=r"row 0: sum to 0.9, expected 1, since every class is listed"):
        top_k(half, torch.tensor([[0, 1], [0, 1]]), 2)
    with pytest.raises(ValueError, match="row 1: sum to 0, expected more than 0"):
        top_k(torch.tensor([[0.5, 0.5], [0.0, 0.0]]), classes, 3, "renormalise")
    with pytest.raises(ValueError, match=r"row 0, entry 1: -0.1 is not a probability"):
        top_k(torch.tensor([[0.5, -0.1]]), classes[:1], 3)
    with pytest.raises(ValueError, match="rest is 'drop'"):
        top_k(half, classes, 3, "drop")
    with pytest.raises(ValueError, match="expected the same"):
        top_k(half, classes[:1], 3)
