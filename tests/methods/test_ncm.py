"""Nearest class mean: what is nearest by which features, and classes without a mean."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from softlabel.data.batch import Batch
from softlabel.networks.heads import CentredHead
from tests.methods.made import after_first_stage, batch, enter, made
from tests.oracle.nearest_mean import nearest_class_mean

FEATURES = {"distance": ["cosine", "euclidean"], "features": ["centred", "normalised", "plain"]}


@pytest.mark.parametrize("distance", FEATURES["distance"])
@pytest.mark.parametrize("features", FEATURES["features"])
def test_ncm_answers_the_nearest_mean(features, distance):
    method = after_first_stage("ncm", distance=distance, features=features)
    enter(method, 1)
    method.eval()
    parts = [batch(8, seed=1), batch(5, seed=2)]
    queries = batch(200, seed=3).inputs
    with torch.no_grad():
        method.solve(method.stages()[1], iter(parts))
        seen = np.concatenate([method.network.features(part.inputs).pooled.double().numpy() for part in parts])
        asked = method.network.features(queries).pooled.double().numpy()
        answers = method.network(queries).argmax(1).numpy()
    index = np.concatenate([part.annotation.numpy() for part in parts])
    np.testing.assert_array_equal(answers, nearest_class_mean(seen, index, asked, features, distance))


def test_ncm_is_by_default_that_of_the_released_code_and_linear_where_it_can_be():
    method = made("ncm")
    assert (method.config.features, method.config.distance) == ("centred", "euclidean")
    heads = {
        (features, distance): made("ncm", features=features, distance=distance)
        for features in FEATURES["features"]
        for distance in FEATURES["distance"]
    }
    for method in heads.values():
        enter(method, 1)
    divided = {options for options, method in heads.items() if isinstance(method.network.head, CentredHead)}
    assert divided == {("centred", "euclidean"), ("normalised", "euclidean")}


@pytest.mark.parametrize("distance", FEATURES["distance"])
@pytest.mark.parametrize("features", FEATURES["features"])
def test_ncm_never_answers_a_class_without_rows(features, distance):
    method = after_first_stage("ncm", distance=distance, features=features)
    enter(method, 1)
    method.eval()
    seen = batch(12)
    seen = Batch(seen.inputs, seen.annotation.clamp_max(2), seen.sample_id)
    head = method.network.head
    with torch.no_grad():
        method.solve(method.stages()[1], iter([seen]))
        asked = 10 * torch.randn(4000, head.weight.shape[1], generator=torch.Generator().manual_seed(0))
        logits = head(asked).double().numpy()
    assert not (logits.argmax(1) == 3).any()
    np.testing.assert_allclose(logits[:, 3], logits[:, :3].mean(1) - 1, atol=1e-3)


@pytest.mark.parametrize("features", FEATURES["features"])
def test_ncm_bears_one_row_a_class_a_class_without_rows_and_rows_that_are_all_equal(features):
    method = made("ncm", features=features)
    enter(method, 1)
    method.eval()
    inputs = batch(1).inputs
    same = Batch(inputs.expand(3, -1, -1, -1), torch.tensor([0, 1, 1]), torch.arange(3))
    with torch.no_grad():
        method.solve(method.stages()[1], iter([same]))
        assert bool(method.network(batch(9).inputs).isfinite().all())
        assert bool(method.network(inputs).isfinite().all())
