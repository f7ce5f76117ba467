"""Hard labels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from softlabel.labels import hard
from tests.oracle import labels as oracle


def example(shape, num_classes):
    index = torch.randint(num_classes, shape)
    if index.numel() > 2:
        index.view(-1)[1] = -100
    return hard(index, num_classes), oracle.hard(index.numpy(), num_classes)


def test_equals_its_twin_and_keeps_the_batch_shape():
    label, rows = example((4, 3), 5)
    assert label.shape == (4, 3)
    assert len(label) == 4
    np.testing.assert_array_equal(label.dense().numpy(), rows)
    np.testing.assert_array_equal(label.mass.numpy(), rows.sum(-1))


def test_any_integer_dtype_and_any_ignored_index():
    for dtype in (torch.uint8, torch.int16, torch.int32, torch.int64):
        label = hard(
            torch.tensor([0, 255, 2], dtype=torch.int64).to(dtype),
            3,
            ignore_index=255,
        )
        assert label.mass.tolist() == [1, 0, 1]
    assert hard(torch.tensor([0, 1]), 2, ignore_index=0).mass.tolist() == [0, 1]


def test_the_first_bad_row_is_named():
    with pytest.raises(
        ValueError, match=r"row 1, 0: 7 is not a class from 0 to 4, or -100 for ignored \(2 such in all\)"
    ):
        hard(torch.tensor([[1, 2], [7, -1]]), 5)
    with pytest.raises(ValueError, match="the only row: -1"):
        hard(torch.tensor(-1), 5)
    with pytest.raises(TypeError, match="float32, expected an integer dtype"):
        hard(torch.tensor([1.0]), 5)
    hard(torch.tensor([7]), 5, validate=False)
