"""Votes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from softlabel.labels import votes
from tests.oracle import labels as oracle


def example(shape, num_classes):
    counts = torch.randint(5, (*shape, num_classes))
    counts[..., 0] += 1
    return votes(counts), oracle.votes(counts.numpy().astype(np.float64))


@pytest.mark.parametrize("prior", [0.0, 0.5])
def test_equals_its_twin(prior):
    counts = torch.tensor([[3, 1, 0], [0, 0, 10]])
    np.testing.assert_allclose(votes(counts, prior).dense(), oracle.votes(counts.double().numpy(), prior), atol=1e-7)


def test_a_prior_per_class():
    label = votes(torch.tensor([[1.0, 1.0]]), torch.tensor([2.0, 0.0]))
    assert label.dense().tolist() == [[0.75, 0.25]]


def test_bad_rows_are_named_and_unchecked_ones_are_ignored():
    with pytest.raises(ValueError, match="row 1, class 0: -2 is not a count of votes"):
        votes(torch.tensor([[1, 1], [-2, 3]]))
    with pytest.raises(ValueError, match="row 1: no vote at all"):
        votes(torch.tensor([[1, 1], [0, 0]]))
    with pytest.raises(ValueError, match="prior is -1"):
        votes(torch.tensor([[1, 1]]), -1)
    assert votes(torch.tensor([[1, 1], [0, 0]]), validate=False).mass.tolist() == [1, 0]
