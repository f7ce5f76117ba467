"""Test features in a plane: that of the principal components, the same each time, at most so many points."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from softlabel.evaluation.feature_map import MOST_POINTS, STEPS, FeatureMap, principal_plane


def test_the_plane_is_that_of_scikit_learn() -> None:
    features = np.random.default_rng(0).normal(size=(50, 6)) * [5, 3, 1, 1, 1, 1] + 7
    found = principal_plane(features)
    assert found is not None
    reference = PCA(2).fit(features)
    assert np.abs(found[0]) == pytest.approx(np.abs(reference.transform(features)))
    assert found[1] == pytest.approx(reference.explained_variance_ratio_)


def test_the_sign_of_a_component_is_fixed() -> None:
    features = np.random.default_rng(1).normal(size=(40, 5)) * [1, 9, 4, 1, 1]
    found, turned = principal_plane(features), principal_plane(features[::-1])
    assert found is not None
    assert turned is not None
    assert found[0] == pytest.approx(turned[0][::-1])


@pytest.mark.parametrize(
    "features", [np.ones((5, 3)), np.ones((1, 3)), np.arange(5.0)[:, None], np.full((5, 3), np.inf)]
)
def test_features_without_a_plane(features: np.ndarray) -> None:
    with np.errstate(invalid="ignore"):
        assert principal_plane(features) is None


@pytest.mark.parametrize("rows", [30, 9000])
def test_rows_are_few_whatever_the_chunks(rows: int) -> None:
    features, index = torch.randn(rows, 4), torch.randint(0, 7, (rows,))
    texts = []
    for chunk in (rows, 13):
        plane = FeatureMap(rows)
        for part in torch.split(torch.arange(rows), chunk):
            plane.watch(features[part], part, index[part])
        stored = plane.to_json()
        assert stored is not None
        texts.append(stored["points"])
    assert texts[0] == texts[1]
    assert len(texts[0]) < 40_000
    words = np.array(texts[0].split(), dtype=int).reshape(-1, 3)
    every = -(-rows // MOST_POINTS)
    assert words[:, 2].tolist() == index[::every].tolist()
    assert words[:, :2].min() == 0
    assert words[:, :2].max() == STEPS
    assert len(words) <= MOST_POINTS


def test_nothing_seen_nothing_stored() -> None:
    assert FeatureMap(10).to_json() is None
