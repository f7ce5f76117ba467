"""MiSLAS: mixup, then a head that goes on slowly, is scaled per class and smoothed by frequency."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from softlabel.errors import ConfigError
from softlabel.training.config import TrainingConfig
from softlabel.training.optimisers import build_optimiser, set_rate
from tests.methods.made import COUNTS, after_first_stage, batch, enter, made
from tests.oracle import labels as label_oracle


def one_step_of_the_classifier(method, optimiser, weight_decay):
    """Weights, biases and factors before and after, and their gradients."""
    enter(method, 1)
    moving = {name: parameter for name, parameter in method.named_parameters() if parameter.requires_grad}
    before = {name: parameter.detach().clone() for name, parameter in moving.items()}
    config = TrainingConfig.model_validate({"optimiser": optimiser, "momentum": 0.0})
    stepper = build_optimiser(moving, config, weight_decay, method.stages()[1].rate_factors)
    set_rate(stepper, 0.1)
    terms = method(batch())
    (terms["cross_entropy"].sum / terms["cross_entropy"].mass).backward()
    gradients = {name: parameter.grad.clone() for name, parameter in moving.items()}
    stepper.step()
    return before, gradients, {name: parameter.detach() for name, parameter in moving.items()}


@pytest.mark.parametrize(("name", "factor"), [("scaled.weight", 0.25), ("scaled.bias", 0.25), ("scaled.scale", 1.0)])
@pytest.mark.parametrize("optimiser", ["sgd", "adamw"])
def test_mislas_moves_the_head_at_its_share_of_the_rate_under_any_optimiser(optimiser, name, factor):
    method = after_first_stage("mislas", rate_factor=0.25)
    before, gradients, after = one_step_of_the_classifier(method, optimiser, 0.5)
    rate = 0.1 * factor
    if optimiser == "sgd":  # decay pulls what the head is towards 0, not towards the old head
        expected = before[name] - rate * (gradients[name] + 0.5 * before[name])
    else:
        direction = gradients[name] / (gradients[name].abs() + 1e-8)  # Adam's first step
        expected = before[name] * (1 - rate * 0.5) - rate * direction
    torch.testing.assert_close(after[name], expected, rtol=1e-4, atol=1e-6)


def test_a_rate_factor_of_0_is_lws():
    method = after_first_stage("mislas", rate_factor=0.0)
    before, _, _ = one_step_of_the_classifier(method, "sgd", 0.5)
    assert list(before) == ["scaled.scale"]


@pytest.mark.parametrize("convention", ["uniform", "others"])
@pytest.mark.parametrize("form", ["concave", "linear", "convex"])
def test_mislas_smooths_frequent_classes_more(convention: str, form: str) -> None:
    method = made("mislas", convention=convention, form=form, head_epsilon=0.3, tail_epsilon=0.1)
    enter(method, 1)
    index = torch.arange(4)
    found = method.classifier_label(index, torch.zeros(4, 4)).dense(torch.float64)
    epsilon = label_oracle.class_epsilon(COUNTS.tolist(), 0.3, 0.1, form)
    np.testing.assert_allclose(found.numpy(), label_oracle.smoothed(index.numpy(), 4, epsilon, convention), atol=1e-7)


def test_the_first_stage_is_mixup_unless_told_otherwise() -> None:
    method, mixup = made("mislas"), made("mixup")
    assert method.fingerprint(method.stages()[0]) == mixup.fingerprint(mixup.stages()[0])
    enter(method, 0)
    mixed = method.transform(batch(), torch.Generator().manual_seed(3))
    assert torch.equal(mixed.inputs, mixup.transform(batch(), torch.Generator().manual_seed(3)).inputs)
    enter(method, 1)
    assert method.transform(batch(), torch.Generator()).partner is None


def test_without_smoothing_its_labels_are_hard() -> None:
    method = made("mislas", head_epsilon=0.0, tail_epsilon=0.0)
    enter(method, 1)
    assert torch.equal(method.classifier_label(torch.arange(4), torch.zeros(4, 4)).dense(), torch.eye(4))


@pytest.mark.parametrize("options", [{"head_epsilon": 0.8}, {"head_epsilon": 0.0, "tail_epsilon": 0.76}])
def test_more_than_can_go_to_the_other_classes_is_refused(options: dict[str, float]) -> None:
    """Four classes: .75 is the most."""
    with pytest.raises(ConfigError, match=rf"methods\.mislas\.{[*options][-1]}: .* expected shares up to 0\.75"):
        made("mislas", convention="others", **options)
    made("mislas", convention="others", head_epsilon=0.75)
