"""DiVE: the teacher is Balanced Softmax, the student begins anew and learns from both."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.methods.made import COUNTS, batch, copies, enter, learn, made


def test_the_teacher_is_a_balanced_softmax_run():
    method, balanced = made("dive"), made("balanced_softmax")
    assert method.fingerprint(method.stages()[0]) == balanced.fingerprint(balanced.stages()[0])
    enter(method, 0)
    enter(balanced, 0)
    assert torch.equal(method(batch())["cross_entropy"].sum, balanced(batch())["cross_entropy"].sum)
    assert method.state_dict().keys() == balanced.state_dict().keys()


def test_the_student_begins_where_the_teacher_began_and_the_teacher_stays():
    method = made("dive")
    start = copies(method.network)
    enter(method, 0)
    learn(method)
    trained = copies(method.network)
    enter(method, 1)
    assert all(torch.equal(v, start[k]) for k, v in method.network.state_dict().items())
    learn(method)
    assert all(torch.equal(v, trained[k]) for k, v in method.teacher.state_dict().items())
    assert not torch.equal(method.network.head.weight, start["head.weight"])


def test_the_virtual_label_is_the_softened_teacher_to_a_power():
    method = made("dive", temperature=2.0, power=0.5)
    enter(method, 1)
    method.teacher.eval()
    with torch.no_grad():
        z = method.teacher(batch().inputs).double().numpy()
    logits = torch.randn(16, 4)
    t = np.exp(z / 2) / np.exp(z / 2).sum(1, keepdims=True)
    t = np.sqrt(t) / np.sqrt(t).sum(1, keepdims=True)
    log_p = torch.log_softmax(logits.double() / 2, 1).numpy()
    expected = 4 * (t * (np.log(t) - log_p)).sum()
    assert method.distillation(logits, batch().inputs).sum.item() == pytest.approx(expected, rel=1e-4)


def test_terms_are_weighted_in_the_students_stage_only():
    method = made("dive", distillation=0.3)
    enter(method, 0)
    assert method.weights() == {}
    enter(method, 1)
    assert method.weights() == {"cross_entropy": pytest.approx(0.7), "distillation": pytest.approx(0.3)}


def test_a_trained_teacher_replaces_the_first_stage():
    method = made("dive", teacher="runs/some")
    assert [stage.name for stage in method.stages()] == ["student"]
    enter(method, 0)
    assert "distillation" in method(batch())


@pytest.mark.parametrize(("options", "balanced"), [({}, True), ({"student_loss": "cross_entropy"}, False)])
def test_the_students_own_term_is_balanced_and_the_teachers_is_not(options, balanced):
    method = made("dive", **options)
    enter(method, 1)
    terms = method(batch())
    with torch.no_grad():
        method.network.train()
        z = method.network(batch().inputs).double().numpy()
    own = z + np.log(COUNTS.numpy()) if balanced else z
    log_p = own - np.log(np.exp(own).sum(1, keepdims=True))
    assert terms["cross_entropy"].sum.item() == pytest.approx(
        -log_p[np.arange(16), batch().annotation.numpy()].sum(), rel=1e-4
    )
    plain = method.distillation(torch.from_numpy(z), batch().inputs)
    assert terms["distillation"].sum.item() == pytest.approx(plain.sum.item(), rel=1e-4)
