"""Tau-normalisation: what is left of lengths, how tau is chosen, and when it is not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from softlabel.data.batch import Batch
from softlabel.errors import ConfigError
from softlabel.methods.tau_norm import normalised
from softlabel.tasks.multi_label import MultiLabel
from tests.methods.made import after_first_stage, batch, enter, made


def balanced_accuracies(weight, pooled, index):
    """Of every tau that the paper tries, in float64."""
    found = {}
    for step in range(21):
        rows = weight / np.linalg.norm(weight, axis=1, keepdims=True) ** (step / 10)
        right = (pooled @ rows.T).argmax(1) == index
        found[step / 10] = np.mean([right[index == k].mean() for k in np.unique(index)])
    return found


def test_tau_is_chosen_on_validation_rows_with_classes_counting_alike():
    method = after_first_stage("tau_norm")
    method.has_validation = True
    enter(method, 1)
    method.eval()
    with torch.no_grad():
        method.network.head.weight.mul_(torch.tensor([8.0, 2.0, 1.0, 0.3])[:, None])  # a tail to be put right
        parts = [batch(40, seed=4), batch(9, seed=5)]
        weight = method.network.head.weight.double().numpy().copy()
        pooled = np.concatenate([method.network.features(part.inputs).pooled.double().numpy() for part in parts])
        scores = balanced_accuracies(weight, pooled, np.concatenate([part.annotation.numpy() for part in parts]))
        method.solve(method.stages()[1], iter(()), iter(parts))
    best = [tau for tau, score in scores.items() if score >= max(scores.values()) - 1e-9]
    assert len(best) < 21
    assert method.chosen() == {"tau": min(best, key=lambda tau: (abs(tau - 1), tau))}
    lengths = np.linalg.norm(weight, axis=1, keepdims=True) ** method.chosen()["tau"]
    np.testing.assert_allclose(method.network.head.weight.detach().numpy(), weight / lengths, rtol=1e-4)


def test_without_validation_rows_tau_is_1_and_a_person_is_told():
    method = after_first_stage("tau_norm")
    assert method.notes("instance") == ["tau_norm: no rows are kept for validation to choose tau on, so it is 1"]
    enter(method, 1)
    with torch.no_grad():
        method.solve(method.stages()[1], iter(()))
    torch.testing.assert_close(method.network.head.weight.norm(dim=1), torch.ones(4))
    assert method.chosen() == {}
    assert made("tau_norm", tau=0.5).notes("instance") == []


def test_rows_of_several_classes_have_no_accuracy_to_choose_tau_by():
    method = after_first_stage("tau_norm")
    method.has_validation, method.task = True, MultiLabel(["a", "b", "c", "d"])
    assert method.notes("instance") == [
        "tau_norm: rows of several classes have no accuracy to choose tau on, so it is 1"
    ]
    enter(method, 1)
    several = Batch(batch(9).inputs, torch.randint(0, 3, (9, 4), dtype=torch.uint8), torch.arange(9))
    with torch.no_grad():
        method.solve(method.stages()[1], iter(()), iter([several]))
    assert method.tau.item() == 1
    assert method.chosen() == {}


def test_a_tau_that_fp32_cannot_bear_is_refused_and_weights_of_0_stay():
    method = after_first_stage("tau_norm", tau=1e5)
    enter(method, 1)
    with pytest.raises(ConfigError, match=r"methods\.tau_norm\.tau: 100000 makes weights too large"), torch.no_grad():
        method.solve(method.stages()[1], iter(()))
    weight = torch.eye(3)[:2] * torch.tensor([[2.0], [0.0]])
    torch.testing.assert_close(normalised(weight, 1.0), torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]))


@pytest.mark.parametrize("tau", [0.0, 0.5, 1.0, 2.0])
def test_weights_are_divided_by_their_length_to_the_power_tau(tau: float) -> None:
    method = after_first_stage("tau_norm", tau=tau)
    before = method.network.head.weight.detach().double().numpy().copy()
    enter(method, 1)
    with torch.no_grad():
        method.solve(method.stages()[1], iter(()))
    expected = before / np.linalg.norm(before, axis=1, keepdims=True) ** tau
    np.testing.assert_allclose(method.network.head.weight.detach().numpy(), expected, rtol=1e-5)
    assert method.network.head.bias.abs().max().item() == 0
    assert tau > 0 or np.array_equal(method.network.head.weight.detach().double().numpy(), before)
