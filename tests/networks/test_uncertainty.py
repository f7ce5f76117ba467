"""Similarity of rows to classes: against loops, with classes that a batch lacks."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from softlabel.networks.class_means import ClassMeans
from softlabel.networks.uncertainty import PairwiseUncertainty, class_similarity, min_max_scaled, own_first

NUM_CLASSES = 4


def by_loops(features: np.ndarray, index: np.ndarray, exclude_self: bool, means: np.ndarray | None) -> np.ndarray:
    found = np.zeros((len(features), NUM_CLASSES))
    for a, one in enumerate(features):
        for j in range(NUM_CLASSES):
            rows = [i for i in range(len(features)) if index[i] == j and not (exclude_self and i == a)]
            others = features[rows] if rows else ([] if means is None else means[j : j + 1])
            cosines = [one @ other / np.linalg.norm(one) / np.linalg.norm(other) for other in others]
            found[a, j] = np.mean(cosines) if cosines else 0.0
    return found


@given(
    index=st.lists(st.integers(0, NUM_CLASSES - 1), min_size=1, max_size=9),
    exclude_self=st.booleans(),
    bank=st.booleans(),
    seed=st.integers(0, 99),
)
def test_class_similarity_is_that_of_loops(index: list[int], exclude_self: bool, bank: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(len(index), 5)) + 0.1
    means = rng.normal(size=(NUM_CLASSES, 5)) + 0.1 if bank else None
    x, y = torch.tensor(features).float(), torch.tensor(index)
    found = class_similarity(
        x,
        x,
        F.one_hot(y, NUM_CLASSES).float(),
        torch.arange(len(index)) if exclude_self else None,
        None if means is None else torch.tensor(means).float(),
    )
    np.testing.assert_allclose(found, by_loops(features, np.array(index), exclude_self, means), atol=1e-5)


def test_a_permuted_batch_has_permuted_confidences() -> None:
    torch.manual_seed(0)
    module = PairwiseUncertainty(NUM_CLASSES)
    x, one_hot = torch.randn(12, 5), F.one_hot(torch.arange(12) % 3, NUM_CLASSES).float()
    order = torch.randperm(12)
    found = module(class_similarity(x, x, one_hot), one_hot)
    moved = module(class_similarity(x[order], x[order], one_hot[order]), one_hot[order])
    torch.testing.assert_close(moved, found[order])
    assert ((found > 0) & (found < 1)).all()


def test_the_confidence_is_two_layers_and_a_sigmoid() -> None:
    torch.manual_seed(0)
    module = PairwiseUncertainty(NUM_CLASSES)
    similarity, one_hot = torch.randn(3, NUM_CLASSES), F.one_hot(torch.arange(3), NUM_CLASSES).float()
    w1, slope, w2 = (p.detach().double().numpy() for p in module.parameters())
    hidden = np.concatenate([similarity.double().numpy(), one_hot.double().numpy()], 1) @ w1.T
    hidden = np.where(hidden > 0, hidden, slope * hidden)
    np.testing.assert_allclose(module(similarity, one_hot).detach(), 1 / (1 + np.exp(-hidden @ w2[0])), rtol=1e-5)


@given(st.lists(st.integers(0, NUM_CLASSES - 1), min_size=1, max_size=6), st.integers(0, 100))
def test_own_similarity_comes_first_and_the_others_descend(index: list[int], seed: int) -> None:
    similarity = torch.randn(len(index), NUM_CLASSES, generator=torch.Generator().manual_seed(seed))
    found = own_first(similarity, F.one_hot(torch.tensor(index), NUM_CLASSES).float())
    for row, y, values in zip(found.tolist(), index, similarity.tolist(), strict=True):
        assert row == [values[y], *sorted((v for k, v in enumerate(values) if k != y), reverse=True)]


def test_a_confidence_that_is_not_told_the_label_does_not_know_the_classes_by_name() -> None:
    torch.manual_seed(0)
    similarity, one_hot = torch.randn(8, NUM_CLASSES), F.one_hot(torch.arange(8) % NUM_CLASSES, NUM_CLASSES).float()
    renamed = torch.randperm(NUM_CLASSES)
    for knows_label in (True, False):
        module = PairwiseUncertainty(NUM_CLASSES, knows_label)
        as_before = module(similarity[:, renamed], one_hot[:, renamed])
        assert torch.allclose(as_before, module(similarity, one_hot)) is not knows_label


def test_scaling_of_equal_similarities_is_finite() -> None:
    scaled = min_max_scaled(torch.tensor([[0.5, 0.5, 0.5], [0.2, 0.4, 0.6]]))
    torch.testing.assert_close(scaled, torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.5, 1.0]]))


def test_class_means_begin_with_the_first_batch_and_follow_later_ones() -> None:
    means = ClassMeans(3, 2, momentum=0.5)
    means.follow(torch.tensor([[1.0, 0.0], [3.0, 0.0]]), F.one_hot(torch.tensor([0, 0]), 3).float())
    means.follow(torch.tensor([[4.0, 4.0], [1.0, 1.0]]), F.one_hot(torch.tensor([0, 1]), 3).float())
    torch.testing.assert_close(means.current, torch.tensor([[3.0, 2.0], [1.0, 1.0], [0.0, 0.0]]))
