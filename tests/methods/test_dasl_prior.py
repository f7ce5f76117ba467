"""Ours beside DaSL: the same first stage, and a second one with a frozen auxiliary network less the class prior."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from softlabel.methods.base.discovery import find_method
from tests.methods.made import COUNTS, batch, copies, enter, learn, made


def test_the_auxiliary_network_stays_in_stage_2():
    method = made("dasl_prior")
    enter(method, 0)
    learn(method)
    enter(method, 1)
    before, head = copies(method.auxiliary), copies(method.network.head)
    learn(method)
    assert list(method(batch())) == ["classifier", "label_distillation"]
    assert all(torch.equal(before[key], value) for key, value in method.auxiliary.state_dict().items())
    assert not torch.equal(head["weight"], method.network.head.weight)


def test_the_prior_is_taken_out_of_the_labels_of_stage_2_alone():
    method = made("dasl_prior", temperature=2.0)

    def answers():
        levels = method.network.features(batch().inputs).levels
        return method.auxiliary(levels)[1].double().numpy(), method.network(batch().inputs).double().numpy()

    with torch.no_grad():
        z_a, z = answers()
    log_prior = np.log(COUNTS.numpy() / COUNTS.numpy().sum())

    def distilled(teacher, z):
        q, p = (np.exp(x / 2) / np.exp(x / 2).sum(1, keepdims=True) for x in (teacher, z))
        return 4 * (q * np.log(q / p)).sum()

    assert method(batch())["label_distillation"].sum.item() == pytest.approx(distilled(z_a, z), rel=1e-3)
    enter(method, 1)
    with torch.no_grad():
        z_a, z = answers()
    assert method(batch())["label_distillation"].sum.item() == pytest.approx(distilled(z_a - log_prior, z), rel=1e-3)


def test_with_the_same_factor_its_first_stage_is_that_of_dasl():
    ours, theirs = made("dasl_prior"), made("dasl", scale_by_temperature=True)
    first, second = ours.stages()
    assert ours.fingerprint(first) == theirs.fingerprint(first)
    assert ours.fingerprint(second) != theirs.fingerprint(second)
    assert ours.fingerprint(first) != made("dasl").fingerprint(first)


def test_it_has_no_option_for_what_it_settles():
    assert "classifier_auxiliary" not in find_method("dasl_prior").Config.model_fields
