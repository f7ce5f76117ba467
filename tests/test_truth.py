"""A class and its one-hot distribution are one truth."""

from __future__ import annotations

import math

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from softlabel.truth import read
from tests.oracle.metrics import one_hot

CLASSES = torch.tensor([2, 0, -100, 1, -1])
DENSE = torch.from_numpy(one_hot(CLASSES.numpy(), 3))


def test_a_class_is_its_one_hot_distribution() -> None:
    by_class, by_distribution = read(CLASSES), read(DENSE)
    assert by_class.index.tolist() == by_distribution.index.tolist() == [2, 0, 0, 1, 0]
    assert by_class.mass.tolist() == by_distribution.mass.tolist() == [1, 1, 0, 1, 0]
    assert torch.equal(by_class.as_dense(3), by_distribution.as_dense(3))
    for column in torch.arange(3).expand(5, 3).unbind(-1):
        assert torch.equal(by_class.probability_of(column), by_distribution.probability_of(column))
    scores = torch.randn(5, 3)
    torch.testing.assert_close(by_class.mean_of(scores), by_distribution.mean_of(scores), rtol=0, atol=0)


def test_scores_of_classes_without_truth_are_not_read() -> None:
    scores = torch.where(DENSE > 0, 2.0, math.nan)
    assert read(CLASSES).mean_of(scores).tolist() == read(DENSE).mean_of(scores).tolist() == [2, 2, 0, 2, 0]


@given(st.integers(0, 2**32 - 1), st.sampled_from([torch.float32, torch.float64]))
def test_the_mean_is_numpys_in_double(seed: int, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(seed)
    truth = torch.rand(7, 4, generator=generator).softmax(-1).to(dtype)
    scores = torch.randn(7, 4, generator=generator).to(dtype)
    expected = (truth.numpy().astype(np.float64) * scores.numpy().astype(np.float64)).sum(1)
    found = read(truth).mean_of(scores)
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12, atol=1e-15)
