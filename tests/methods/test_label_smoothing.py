"""Label smoothing as a method: both conventions, labels and votes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from softlabel.data.batch import Batch
from softlabel.errors import ConfigError
from softlabel.methods.base.method import TrainingSet
from softlabel.methods.label_smoothing import LabelSmoothing
from softlabel.networks.build import build_network
from softlabel.networks.config import NetworkConfig
from softlabel.networks.inputs import InputSpec
from softlabel.tasks.classification import Classification
from softlabel.tasks.distribution import Distribution
from softlabel.tasks.task import Task
from tests.methods import made_levels as levels
from tests.oracle import label_kinds
from tests.oracle import labels as label_oracle
from tests.oracle import losses as oracle

CLASSES = ["a", "b", "c", "d", "e"]


def of_task(task: Task, **options: object) -> LabelSmoothing:
    inputs = InputSpec(kind="features", shape=(3,), mean=[0.0] * 3, std=[1.0] * 3)
    network = build_network(NetworkConfig(backbone="mlp", hidden=[8]), inputs, len(CLASSES), 0)
    counts = torch.ones(len(CLASSES), dtype=torch.float64)
    return LabelSmoothing(
        LabelSmoothing.Config.model_validate(options), network, task, TrainingSet(5, counts, torch.load)
    )


def loss(made: LabelSmoothing, annotation: torch.Tensor, inputs: torch.Tensor) -> float:
    term = made(Batch(inputs, annotation, torch.arange(len(inputs))))["cross_entropy"]
    return float((term.sum / term.mass).detach())


def test_uniform_equals_pytorch() -> None:
    made = of_task(Classification(CLASSES), epsilon=0.2)
    inputs, index = torch.randn(6, 3), torch.tensor([0, 1, 2, 3, 4, 0])
    assert loss(made, index, inputs) == pytest.approx(
        float(F.cross_entropy(made.network(inputs), index, label_smoothing=0.2).detach()), rel=1e-5
    )


@pytest.mark.parametrize("convention", ["uniform", "others"])
def test_votes_and_labels_follow_the_same_rule(convention: str) -> None:
    inputs, index = torch.randn(6, 3), torch.tensor([0, 1, 2, 3, 4, 0])
    votes = 7.0 * F.one_hot(index, 5).float()
    by_label = loss(of_task(Classification(CLASSES), convention=convention), index, inputs)
    by_votes = loss(of_task(Distribution(CLASSES), convention=convention), votes, inputs)
    assert by_label == pytest.approx(by_votes, rel=1e-5)


def test_others_gives_epsilon_to_the_other_classes() -> None:
    made = of_task(Classification(CLASSES), epsilon=0.3, convention="others")
    inputs, index = torch.randn(1, 3), torch.tensor([2])
    target = np.full(5, 0.3 / 4)
    target[2] = 0.7
    log_p = torch.log_softmax(made.network(inputs).double(), -1).detach().numpy()[0]
    assert loss(made, index, inputs) == pytest.approx(-(target * log_p).sum(), rel=1e-5)


def test_an_epsilon_that_turns_the_label_around_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"at most 0\.8"):
        of_task(Classification(CLASSES), epsilon=0.9, convention="others")


@pytest.mark.parametrize("convention", ["uniform", "others"])
def test_an_epsilon_of_0_is_cross_entropy(convention: str) -> None:
    made = of_task(Classification(CLASSES), epsilon=0.0, convention=convention)
    inputs, index = torch.randn(6, 3), torch.tensor([0, 1, 2, 3, 4, 0])
    expected = F.cross_entropy(made.network(inputs), index).item()
    assert loss(made, index, inputs) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("convention", ["uniform", "others"])
def test_the_gradient_is_the_answer_less_the_smoothed_label(convention: str) -> None:
    made, index = of_task(Classification(CLASSES), epsilon=0.3, convention=convention), torch.tensor([4, 0])
    logits = torch.randn(2, 5, requires_grad=True)
    made.network.forward = lambda inputs: logits  # type: ignore[method-assign]
    made(Batch(torch.zeros(2, 3), index, torch.arange(2)))["cross_entropy"].sum.backward()
    rows = label_oracle.smoothed(index.numpy(), 5, 0.3, convention)
    _, _, gradient = oracle.loss(logits.detach().double().numpy(), rows)
    assert logits.grad is not None
    np.testing.assert_allclose(logits.grad.numpy(), gradient, atol=1e-6)


def test_label_smoothing_spreads_the_label_of_several_classes() -> None:
    level = levels.training_levels()[:12]
    method, data = levels.made("label_smoothing", epsilon=0.2), levels.batch(level)
    q = 0.8 * label_kinds.levels(level.numpy(), 1, 0.3, 0.005) + 0.2 / levels.K
    z = levels.NETWORK(data.inputs).detach().double().numpy()
    log_p = z - np.log(np.exp(z).sum(1, keepdims=True))
    known = (level > 0).any(1).numpy()
    term = method(data)["cross_entropy"]
    assert float(term.sum.detach()) == pytest.approx(-(q * log_p)[known].sum(), rel=1e-5)
    assert float(term.mass) == known.sum()
