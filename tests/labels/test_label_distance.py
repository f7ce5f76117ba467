"""Distances between labels."""

from __future__ import annotations

import math

import pytest
import torch

from softlabel.labels.gaussian_mixture import check_distance
from softlabel.labels.label_distance import cooccurrence_distance, embedding_distance, grid_distance


def test_on_a_grid_it_is_the_distance_of_the_points():
    assert grid_distance(torch.tensor([1, 4, 2])).tolist() == [[0, 3, 1], [3, 0, 2], [1, 2, 0]]
    assert grid_distance(torch.tensor([[0.0, 0.0], [3.0, 4.0]])).tolist() == [[0, 5], [5, 0]]
    check_distance(grid_distance(1000 + torch.rand(60)), 60)  # more points than torch.cdist is exact for by default


def test_of_embeddings_it_is_that_of_directions():
    distance = embedding_distance(torch.tensor([[1.0, 0.0], [5.0, 0.0], [0.0, 2.0], [-1.0, 0.0]]))
    expected = torch.tensor([0, 0, 1, 2]).double().sqrt()
    torch.testing.assert_close(distance[0], expected)
    check_distance(embedding_distance(torch.randn(30, 8)), 30)
    with pytest.raises(ValueError, match="embeddings, label 1: of length 0, without a direction"):
        embedding_distance(torch.tensor([[1.0], [0.0]]))


def test_of_cooccurrence_it_is_the_logarithm_of_the_share():
    """Labels 0 and 1: together twice, either three times; 2 is never with them; 3 never occurs."""
    level = torch.tensor([[2, 1, 0, 0], [2, 2, 0, 0], [1, 0, 0, 0], [0, 0, 2, 0]])
    distance = cooccurrence_distance(level, floor=0.01)
    assert distance[0, 1] == pytest.approx(math.sqrt(-math.log(2 / 3)))
    assert distance[0, 2] == distance[2, 3] == pytest.approx(math.sqrt(-math.log(0.01)))
    check_distance(distance, 4)
