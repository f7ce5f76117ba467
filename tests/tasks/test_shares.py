"""Distributions as short texts for drawings, against NumPy in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from softlabel.tasks.shares import pooled_shares


@pytest.mark.parametrize("sides", [(1,), (4,), (5,), (9,), (31,), (2, 3), (3, 11), (16, 16)])
@pytest.mark.parametrize("most", [1, 4, 5, 100])
def test_neighbours_are_pooled_along_every_axis(sides: tuple[int, ...], most: int) -> None:
    table = torch.rand(3, *sides, generator=torch.Generator().manual_seed(0))
    table = table / table.flatten(1).sum(1).view(3, *[1] * len(sides))
    pooled, texts = pooled_shares(table, most)
    assert pooled == int(np.ceil(max(sides) / most))
    expected = table.double().numpy()
    for axis, side in enumerate(sides, start=1):
        expected = np.add.reduceat(expected, np.arange(0, side, pooled), axis)
        assert expected.shape[axis] <= most
    for row, text in zip(expected, texts, strict=True):
        assert np.array(text.split(), dtype=int) == pytest.approx(1e4 * row.ravel(), abs=0.5)


def test_no_rows_are_no_texts() -> None:
    assert pooled_shares(torch.zeros(0, 4), 2) == (2, [])
