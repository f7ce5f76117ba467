"""The focal loss: of classes that compete, and of each by itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from softlabel.data.batch import Batch
from softlabel.errors import ConfigError
from softlabel.losses import inverse_frequency
from softlabel.methods.base.discovery import find_method
from softlabel.methods.base.method import TrainingSet
from softlabel.tasks.multi_label import MultiLabel
from tests.methods import made_levels as levels
from tests.methods.made import COUNTS, batch, made, mean
from tests.oracle import losses as oracle


@pytest.mark.parametrize("weighting", ["none", "inverse"])
def test_a_focal_loss_of_sigmoids_sums_over_the_classes(weighting):
    method = made("focal", form="sigmoid", gamma=0.0, weighting=weighting).eval()
    logits, index = method.network(batch().inputs), batch().annotation
    truth = F.one_hot(index, 4).float()
    rows = F.binary_cross_entropy_with_logits(logits, truth, reduction="none").sum(-1)
    weight = torch.ones(16) if weighting == "none" else inverse_frequency(COUNTS).float()[index]
    torch.testing.assert_close(mean(method(batch())["focal"]), (rows * weight).sum() / weight.sum())
    assert made("focal", form="sigmoid", gamma=2.0)(batch())["focal"].sum < rows.sum()
    assert method.link_of(method.config, method.task) == "softmax"  # given that one class is true


def test_a_focal_loss_without_focus_is_cross_entropy():
    focal, plain = made("focal", gamma=0.0), made("cross_entropy")
    torch.testing.assert_close(mean(focal(batch())["focal"]), mean(plain(batch())["cross_entropy"]))


@pytest.mark.parametrize("weighting", ["none", "inverse", "effective"])
def test_the_loss_and_its_gradient_are_the_published_ones(weighting: str) -> None:
    method, data = made("focal", gamma=2.0, weighting=weighting, beta=0.9).eval(), batch()
    n = COUNTS.numpy()
    raw = {"none": np.ones(4), "inverse": 1 / n, "effective": 0.1 / (1 - 0.9**n)}[weighting]
    weight = (4 * raw / raw.sum())[data.annotation.numpy()]
    rows = np.arange(16), data.annotation.numpy()

    def value(z: np.ndarray) -> float:
        log_p = oracle.log_softmax(z)[rows]
        return float(-(weight * (1 - np.exp(log_p)) ** 2 * log_p).sum())

    logits = method.network(data.inputs).detach().requires_grad_()
    method.network.forward = lambda inputs: logits
    z = logits.detach().double().numpy()
    term = method(data)["focal"]
    assert term.sum.item() == pytest.approx(value(z), rel=1e-5)
    assert term.mass.item() == pytest.approx(weight.sum(), rel=1e-5)
    term.sum.backward()
    for k in range(4):
        step = 1e-5 * np.eye(4)[k]
        slope = (value(z + np.outer(np.eye(16)[3], step)) - value(z - np.outer(np.eye(16)[3], step))) / 2e-5
        assert logits.grad[3, k].item() == pytest.approx(slope, abs=1e-4)


def test_weights_are_said_to_correct_the_prior() -> None:
    assert made("focal", weighting="inverse").corrects_prior
    assert not made("focal").corrects_prior


def test_focal_by_sigmoids_is_read_by_them() -> None:
    focal, plain = levels.made("focal", form="sigmoid", gamma=0.0), levels.made("binary_cross_entropy")
    task = MultiLabel(levels.NAMES)
    assert focal.link_of(focal.config, task) == "sigmoid"
    assert levels.made("focal").link_of(levels.made("focal").config, task) == "softmax"
    level = levels.training_levels()
    data = Batch(torch.randn(60, 6), level, torch.arange(60))
    focal.task = task.read_as("sigmoid")
    (mine,), (theirs,) = focal(data).values(), plain(data).values()
    torch.testing.assert_close(mine.sum, theirs.sum)
    assert mine.mass == theirs.mass == 60
    kind = find_method("focal")
    training_set = TrainingSet(60, torch.ones(levels.K), lambda folder: levels.NETWORK, level)
    with pytest.raises(ConfigError, match=r"methods\.focal\.weighting"):
        kind(kind.Config(form="sigmoid", weighting="inverse"), levels.NETWORK, task.read_as("sigmoid"), training_set)
