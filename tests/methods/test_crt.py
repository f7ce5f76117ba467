"""cRT: a new head, trained on the frozen backbone with class-balanced sampling."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.methods.made import after_first_stage, answered, batch, copies, enter, made
from tests.oracle import labels as label_oracle
from tests.oracle import losses as oracle


def test_crt_begins_with_a_new_head():
    method = after_first_stage("crt")
    before = copies(method.network.head)
    enter(method, 1)
    assert not torch.equal(before["weight"], method.network.head.weight)


def test_the_second_stage_draws_balanced_and_holds_the_backbone_still() -> None:
    stage = made("crt").stages()[1]
    assert (stage.sampler, stage.parts) == ("balanced", {"network.backbone": "frozen"})
    assert (stage.epochs, stage.learning_rate, stage.sgd_learning_rate, stage.schedule) == (10, None, 0.1, "cosine")


def test_its_loss_is_cross_entropy_and_ends_at_the_features() -> None:
    method, data = after_first_stage("crt"), batch()
    enter(method, 1)
    for parameter in method.parameters():
        parameter.grad = None
        parameter.requires_grad_(True)  # so that only the wall keeps gradients from the backbone
    method.eval()
    values, _, _ = oracle.loss(answered(method, data), label_oracle.hard(data.annotation.numpy(), 4))
    term = method(data)["cross_entropy"]
    assert term.sum.item() == pytest.approx(values.sum(), rel=1e-5)
    term.sum.backward()
    assert all(parameter.grad is None for parameter in method.network.backbone.parameters())
    assert all(parameter.grad is not None for parameter in method.network.head.parameters())


@pytest.mark.parametrize(("labels", "epsilon"), [("hard", 0.0), ("label_smoothing", 0.3)])
def test_the_labels_of_the_second_stage(labels: str, epsilon: float) -> None:
    method, data = made("crt", classifier_labels=labels, epsilon=0.3), batch()
    enter(method, 1)
    found = method.classifier_label(data.annotation, torch.zeros(16, 4)).dense(torch.float64)
    expected = label_oracle.smoothed(data.annotation.numpy(), 4, epsilon, "uniform")
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-7)
