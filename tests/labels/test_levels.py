"""Positive, difficult and negative labels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from softlabel.labels import levels
from softlabel.losses import cross_entropy
from tests.oracle import label_kinds as oracle


def example(shape, num_classes):
    level = torch.randint(3, (*shape, num_classes))
    level.view(-1, num_classes)[2] = 0
    return levels(level), oracle.levels(level.numpy(), 1.0, 0.3, 0.005)


@given(st.lists(st.integers(0, 2), min_size=1, max_size=8), st.tuples(*[st.floats(0.01, 1)] * 3))
def test_equals_its_twin(codes, amounts):
    negative, difficult, positive = sorted(amounts)
    level = torch.tensor([codes])
    rows = levels(level, positive, difficult, negative).dense()
    np.testing.assert_allclose(rows, oracle.levels(level.numpy(), positive, difficult, negative), atol=1e-6)


def test_the_codes_are_those_of_the_data():
    row = levels(torch.tensor([2, 1, 0]), 1.0, 0.3, 0.1).dense()
    assert row.tolist() == pytest.approx([1 / 1.4, 0.3 / 1.4, 0.1 / 1.4])


def test_rows_that_say_nothing_are_ignored_or_uniform():
    level = torch.tensor([[0, 0, 0], [0, 2, 0]])
    ignored = levels(level)
    assert ignored.mass.tolist() == [0, 1]
    assert ignored.dense()[0].tolist() == [0, 0, 0]
    uniform = levels(level, empty="uniform")
    assert uniform.mass.tolist() == [1, 1]
    assert uniform.dense()[0].tolist() == pytest.approx([1 / 3] * 3)


def test_a_difficult_label_alone_that_gets_nothing_says_nothing():
    label = levels(torch.tensor([[1, 0, 0], [2, 1, 0]]), 1.0, 0.0, 0.0)
    assert label.mass.tolist() == [0, 1]
    assert label.dense().tolist() == [[0, 0, 0], [1, 0, 0]]
    logits = torch.randn(2, 3)
    torch.testing.assert_close(cross_entropy(logits, label), cross_entropy(logits[1:], label.select(slice(1, 2))))


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"level, row 1, class 2: 3 is none of 2 \(positive\).*\(2 such in all\)"):
        levels(torch.tensor([[0, 1, 2], [0, -0, 3], [-1, 0, 0]]))
    with pytest.raises(ValueError, match=r"level, row 0, class 1: 0.5 is none of"):
        levels(torch.tensor([[0.0, 0.5]]))
    for amounts in ((0.3, 1.0, 0.0), (1.0, 0.3, -0.1), (0.0, 0.0, 0.0), (float("inf"), 1.0, 0.0), (float("nan"), 0, 0)):
        with pytest.raises(ValueError, match="expected them to be finite, to fall"):
            levels(torch.tensor([[2, 0]]), *amounts)
    with pytest.raises(ValueError, match="empty is 'drop', expected 'ignore' or 'uniform'"):
        levels(torch.tensor([[2, 0]]), empty="drop")
