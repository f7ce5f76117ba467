"""Two stages: the backbone stays bit for bit, the head becomes what each method says."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from softlabel.data.batch import Batch
from softlabel.errors import ConfigError
from tests.methods.made import batch, copies, enter, learn, made

TRAINED = ["crt", "lws", "mislas"]
SOLVED = ["tau_norm", "ncm"]


def after_first_stage(name, **options):
    method = made(name, **options)
    enter(method, 0)
    learn(method)
    return method


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.parametrize("labels", ["hard", "label_smoothing", "online_label_smoothing"])
def test_the_backbone_stays_and_the_head_moves(name, labels):
    method = after_first_stage(name, classifier_labels=labels)
    enter(method, 1)
    before, head = copies(method.network.backbone), copies(method.network.head)
    learn(method)
    after = method.network.backbone.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert not torch.equal(head["weight"], method.network.head.weight)


@pytest.mark.parametrize("name", TRAINED)
def test_shifting_changes_running_statistics_and_nothing_else(name):
    method = after_first_stage(name, batch_norm="shift")
    enter(method, 1)
    before = copies(method.network.backbone)
    learn(method)
    changed = {
        key for key, value in method.network.backbone.state_dict().items() if not torch.equal(before[key], value)
    }
    assert changed
    assert all(key.endswith(("running_mean", "running_var", "num_batches_tracked")) for key in changed)


@pytest.mark.parametrize("name", TRAINED + SOLVED)
def test_the_first_stage_is_the_plain_method(name):
    method = made(name, representation="label_smoothing", representation_options={"epsilon": 0.3})
    plain = made("label_smoothing", epsilon=0.3)
    assert method.fingerprint(method.stages()[0]) == plain.fingerprint(plain.stages()[0])
    enter(method, 0)
    enter(plain, 0)
    ours, theirs = method(batch())["cross_entropy"], plain(batch())["cross_entropy"]
    assert torch.equal(ours.sum, theirs.sum)
    assert method.state_dict().keys() == plain.state_dict().keys()


def test_crt_begins_with_a_new_head():
    method = after_first_stage("crt")
    before = copies(method.network.head)
    enter(method, 1)
    assert not torch.equal(before["weight"], method.network.head.weight)


def test_lws_begins_with_the_logits_of_the_first_stage_and_learns_k_numbers():
    method = after_first_stage("lws")
    method.eval()
    before = method.network(batch().inputs)
    enter(method, 1)
    method.eval()
    torch.testing.assert_close(method.classify(method.frozen_features(batch())), before)
    assert sum(p.numel() for p in method.parameters() if p.requires_grad) == 4
    old = method.network.head.weight.clone()
    learn(method)
    factors = method.network.head.weight / old
    torch.testing.assert_close(factors, method.scaled.scale[:, None].expand_as(factors), rtol=1e-4, atol=1e-4)


def test_mislas_moves_the_weights_at_its_share_of_the_rate():
    slow, fast = (after_first_stage("mislas", rate_factor=r) for r in (0.25, 1.0))
    moved = []
    for method in (slow, fast):
        enter(method, 1)
        old = method.network.head.weight.clone()
        learn(method, steps=1)
        linear = method.scaled.weight + method.scaled.step * method.scaled.weight_change
        moved.append((linear - old).norm().item())
    assert moved[0] / moved[1] == pytest.approx(0.25, rel=1e-3)


def test_mislas_smooths_frequent_classes_more():
    method = made("mislas", convention="others")
    enter(method, 1)
    label = method.classifier_label(torch.tensor([0, 3]), torch.zeros(2, 4)).dense(torch.float64)
    assert label[0].tolist() == pytest.approx([0.7, 0.1, 0.1, 0.1])
    assert label[1].tolist() == [0.0, 0.0, 0.0, 1.0]


@pytest.mark.parametrize(("tau", "lengths"), [(0.0, None), (1.0, 1.0)])
def test_tau_norm(tau, lengths):
    method = after_first_stage("tau_norm", tau=tau)
    before = method.network.head.weight.clone()
    enter(method, 1)
    with torch.no_grad():
        method.solve(method.stages()[1], iter(()))
    after = method.network.head.weight
    assert method.network.head.bias.abs().max().item() == 0
    if lengths is None:
        assert torch.equal(before, after)
    else:
        torch.testing.assert_close(after.norm(dim=1), torch.ones(4))
        torch.testing.assert_close(F.normalize(before), after)


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_ncm_answers_the_nearest_mean(distance):
    method = after_first_stage("ncm", distance=distance)
    enter(method, 1)
    method.eval()
    parts = [batch(8, seed=1), batch(5, seed=2)]
    with torch.no_grad():
        method.solve(method.stages()[1], iter(parts))
        pooled = torch.cat([method.network.features(part.inputs).pooled for part in parts]).double()
        index = torch.cat([part.annotation for part in parts])
        points = F.normalize(pooled) if distance == "cosine" else pooled
        means = torch.stack([points[index == k].mean(0) for k in range(4)])
        query = method.network.features(batch(20, seed=3).inputs).pooled.double()
        if distance == "cosine":
            nearest = (F.normalize(query) @ F.normalize(means).T).argmax(1)
        else:
            nearest = torch.cdist(query, means).argmin(1)
        assert torch.equal(method.network(batch(20, seed=3).inputs).argmax(1), nearest)


def test_cached_features_are_taken_as_they_are():
    method = made("crt", cached_features=True)
    enter(method, 1)
    pooled = method.network.features(batch().inputs).pooled.detach()
    terms = method(Batch(pooled, batch().annotation, batch().sample_id))
    logits = method.network.head(pooled)
    torch.testing.assert_close(terms["cross_entropy"].sum, F.cross_entropy(logits, batch().annotation, reduction="sum"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"representation": "dasl"}, "one stage"),
        ({"representation": "crt"}, "one stage"),
        ({"representation": "ldam"}, "cosine head"),
        ({"representation": "croos_entropy"}, "did you mean 'cross_entropy'"),
        ({"representation": "mixup", "representation_options": {"alpha": -1}}, "representation_options.alpha"),
    ],
)
def test_a_representation_that_cannot_be_one_is_refused(options, words):
    with pytest.raises(ConfigError, match=words):
        made("crt", **options)
