"""Labels written out."""

from __future__ import annotations

import pytest
import torch

from softlabel.labels import dense


def example(shape, num_classes):
    rows = torch.softmax(3 * torch.randn(*shape, num_classes, dtype=torch.float64), -1)
    rows[..., 0] = 0
    rows /= rows.sum(-1, keepdim=True)
    return dense(rows), rows.numpy()


def test_the_first_bad_row_is_named():
    good = torch.tensor([[0.5, 0.5], [0.1, 0.9]])
    for value, message in [(-0.1, "row 1, class 0: -0.1 is not a probability"), (float("nan"), "row 1, class 0: nan")]:
        bad = good.clone()
        bad[1, 0] = value
        with pytest.raises(ValueError, match=message):
            dense(bad)
    with pytest.raises(ValueError, match=r"row 0: sums to 1.2, expected 1 \(2 such in all\)"):
        dense(good * 1.2)
    with pytest.raises(TypeError, match=r"votes\(\)"):
        dense(torch.tensor([[1, 0]]))


def test_half_precision_may_round():
    dense(torch.softmax(torch.randn(50, 300), -1).bfloat16())


def test_an_empty_row_is_ignored_when_it_is_not_refused():
    label = dense(torch.tensor([[0.0, 0.0], [0.5, 0.5]]), validate=False)
    assert label.mass.tolist() == [0, 1]
