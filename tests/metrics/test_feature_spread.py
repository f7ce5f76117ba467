"""Intra-class variance against a plain computation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from softlabel.metrics.feature_spread import FeatureSpread


def test_equals_a_plain_computation_in_any_division_of_the_rows() -> None:
    g = torch.Generator().manual_seed(0)
    features, index = torch.randn(40, 6, generator=g), torch.randint(0, 3, (40,), generator=g)
    spread, other = FeatureSpread(3, 6), FeatureSpread(3, 6)
    spread.update(features[:13], index[:13])
    other.update(features[13:], index[13:])
    spread.merge_(other)
    unit = features.double().numpy()
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    expected = []
    for k in range(3):
        own = unit[index.numpy() == k]
        expected.append(((own - own.mean(0)) ** 2).sum(1).mean())
    np.testing.assert_allclose(spread.per_class().numpy(), expected, rtol=1e-10)
    assert spread.mean() == pytest.approx(np.mean(expected))


def test_length_does_not_count_and_one_direction_has_no_spread() -> None:
    spread = FeatureSpread(1, 2)
    spread.update(torch.tensor([[1.0, 1.0], [5.0, 5.0]]), torch.tensor([0, 0]))
    assert spread.mean() == pytest.approx(0.0, abs=1e-12)


def test_a_class_without_samples_is_left_out() -> None:
    spread = FeatureSpread(2, 2)
    assert spread.mean() is None
    spread.update(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), torch.tensor([1, 1]))
    assert math.isnan(spread.per_class()[0])
    assert spread.mean() == pytest.approx(1.0)
