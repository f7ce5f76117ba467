"""Labels taken from a table."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from softlabel.labels import from_table
from tests.oracle import labels as oracle


def example(shape, num_classes):
    index = torch.randint(4, shape)
    if index.numel() > 3:
        index.view(-1)[3] = -100
    table = torch.softmax(torch.randn(4, num_classes, dtype=torch.float64), -1)
    return from_table(index, table), oracle.from_table(index.numpy(), table.numpy())


@pytest.mark.parametrize("count", [1, 9])
def test_the_entropy_is_that_of_the_rows_whichever_way_is_shorter(count):
    table = torch.tensor([[1.0, 0.0, 0.0], [0.2, 0.3, 0.5], [0.0, 0.5, 0.5], [0.25, 0.25, 0.5]])
    label = from_table(torch.arange(count) % 4, table)
    expected = oracle.entropy(table.numpy())[np.arange(count) % 4]
    np.testing.assert_allclose(label.entropy().numpy(), expected, atol=1e-6)


def test_bad_rows_and_indices_are_named():
    with pytest.raises(ValueError, match=r"table, row 1: sums to 0.9, expected 1"):
        from_table(torch.tensor([0]), torch.tensor([[0.5, 0.5], [0.4, 0.5]]))
    with pytest.raises(ValueError, match="row 0: 2 is not a class from 0 to 1"):
        from_table(torch.tensor([2]), torch.full((2, 2), 0.5))
    with pytest.raises(ValueError, match="expected \\(rows, classes\\)"):
        from_table(torch.tensor([0]), torch.tensor([0.5, 0.5]))
