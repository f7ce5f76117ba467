"""Gaussians around several labels: limits, peaks, renaming."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from softlabel.labels import gaussian_mixture, levels
from softlabel.labels.gaussian_mixture import label_kernel
from softlabel.labels.label_distance import embedding_distance, grid_distance
from tests.oracle import label_kinds as oracle

AMOUNTS = (1.0, 0.3, 0.005)


def example(shape, num_classes):
    level = torch.randint(3, (*shape, num_classes))
    level.view(-1, num_classes)[1] = 0
    distance = embedding_distance(torch.randn(num_classes, 4))
    label = gaussian_mixture(level, distance, 0.6)
    return label, oracle.gaussian_mixture(level.numpy(), distance.numpy(), 0.6, *AMOUNTS)


@given(st.lists(st.integers(0, 2), min_size=5, max_size=5), st.floats(0.1, 5))
def test_equals_its_twin(codes, sigma):
    level, distance = torch.tensor([codes]), grid_distance(torch.tensor([0.0, 1.0, 2.5, 4.0, 9.0]))
    rows = gaussian_mixture(level, distance, sigma).dense()
    np.testing.assert_allclose(
        rows, oracle.gaussian_mixture(level.numpy(), distance.numpy(), sigma, *AMOUNTS), atol=2e-6
    )


@pytest.mark.parametrize("sigma", [0.0, 1e-200, 1e-3])
def test_without_width_it_is_the_levels(sigma):
    level, distance = torch.randint(3, (20, 6)), grid_distance(torch.arange(6))
    mixture = gaussian_mixture(level, distance, sigma)
    torch.testing.assert_close(mixture.dense(), levels(level).dense())
    assert mixture.mass.tolist() == levels(level).mass.tolist()


def test_without_bounds_it_is_uniform():
    row = gaussian_mixture(torch.tensor([[0, 2, 0, 0]]), grid_distance(torch.arange(4)), 1e9).dense()
    torch.testing.assert_close(row, torch.full((1, 4), 0.25))


def test_renaming_the_labels_renames_the_row():
    level, distance = torch.randint(3, (10, 7)), embedding_distance(torch.randn(7, 3))
    order = torch.randperm(7)
    renamed = gaussian_mixture(level[:, order], distance[order][:, order], 0.5).dense()
    torch.testing.assert_close(renamed, gaussian_mixture(level, distance, 0.5).dense()[:, order])


def test_peaks_are_those_asked_for_where_labels_are_well_separated():
    """The residual of the least squares is 0: the rows stand in the ratios of P/D/N."""
    grid = torch.arange(40)
    level = torch.zeros(1, 40, dtype=torch.int64)
    level[0, [5, 20, 35]] = torch.tensor([2, 1, 2])
    row = gaussian_mixture(level, grid_distance(grid), 2.0).dense()[0]
    assert (row[20] / row[5]).item() == pytest.approx(0.3, rel=1e-4)
    assert (row[35] / row[5]).item() == pytest.approx(1.0, rel=1e-4)
    assert row[5] > row[6] > row[7] > row[12]  # related absent labels have graded shares
    kernel = label_kernel(grid_distance(grid), 2.0)
    assert kernel[5, 6] == pytest.approx(np.exp(-1 / 8))


def test_overlapping_labels_keep_their_peaks_while_weights_are_positive():
    level = torch.tensor([[0, 2, 2, 0, 0]])
    row = gaussian_mixture(level, grid_distance(torch.arange(5)), 1.0, negative=0.0).dense()[0]
    assert row[1] == pytest.approx(row[2].item())
    single = gaussian_mixture(torch.tensor([[0, 2, 0, 0, 0]]), grid_distance(torch.arange(5)), 1.0, negative=0.0)
    assert row[0] / row[1] < single.dense()[0, 0] / single.dense()[0, 1] + 0.1


def test_a_neighbour_may_explain_more_than_was_asked_for():
    row = gaussian_mixture(torch.tensor([[2, 1, 0]]), grid_distance(torch.tensor([0.0, 0.1, 5.0])), 1.0).dense()[0]
    assert row[1] / row[0] > 0.9  # asked for: 0.3


def test_bad_arguments_are_named():
    level, distance = torch.tensor([[2, 0, 1]]), grid_distance(torch.arange(3))
    with pytest.raises(ValueError, match=r"distance has shape \(3, 3\), expected \(2, 2\)"):
        gaussian_mixture(level[:, :2], distance, 1.0)
    with pytest.raises(ValueError, match=r"distance, labels 0 and 1: 7 one way and 1 the other"):
        gaussian_mixture(level, torch.tensor([[0.0, 7, 2], [1, 0, 1], [2, 1, 0]]), 1.0)
    with pytest.raises(ValueError, match=r"distance, label 2: 0.5 from itself"):
        gaussian_mixture(level, torch.diag(torch.tensor([0.0, 0, 0.5])), 1.0)
    with pytest.raises(ValueError, match="sigma is nan, expected a width from 0"):
        gaussian_mixture(level, distance, float("nan"))
    with pytest.raises(ValueError, match="level, row 0, class 1: 3 is none"):
        gaussian_mixture(torch.tensor([[2, 3, 0]]), distance, 1.0)
