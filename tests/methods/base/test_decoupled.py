"""Two stages: the backbone stays bit for bit, the head becomes what each method says."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from softlabel.data.batch import Batch
from softlabel.errors import ConfigError
from tests.methods.made import after_first_stage, batch, copies, enter, learn, made

TRAINED = ["crt", "lws", "mislas"]
SOLVED = ["tau_norm", "ncm"]


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
