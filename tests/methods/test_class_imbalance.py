"""One-stage methods against imbalance: relations between them, margins, deferral, mixup."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from softlabel.data.batch import Batch
from softlabel.errors import ConfigError
from softlabel.losses import inverse_frequency
from tests.methods.made import COUNTS, batch, enter, made


def mean(term):
    return term.sum / term.mass


def test_logit_adjustment_with_tau_1_is_balanced_softmax():
    adjusted, balanced = made("logit_adjustment"), made("balanced_softmax")
    torch.testing.assert_close(mean(adjusted(batch())["cross_entropy"]), mean(balanced(batch())["cross_entropy"]))


def test_balanced_softmax_by_hand():
    method = made("balanced_softmax").eval()
    logits = method.network(batch().inputs) + COUNTS.log().float()
    loss = F.cross_entropy(logits, batch().annotation)
    torch.testing.assert_close(mean(method(batch())["cross_entropy"]), loss)


def test_post_hoc_adjustment_trains_plainly_and_subtracts_the_prior():
    method, plain = made("logit_adjustment", when="post-hoc", tau=1.5), made("cross_entropy")
    assert torch.equal(method(batch())["cross_entropy"].sum, plain(batch())["cross_entropy"].sum)
    expected = -1.5 * (COUNTS / COUNTS.sum()).log().float()
    torch.testing.assert_close(method.adjust(torch.zeros(2, 4)), expected.expand(2, 4))


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


def test_class_weights_weigh_samples():
    method = made("class_weighted", weighting="inverse").eval()
    weight = (1 / COUNTS) * 4 / (1 / COUNTS).sum()
    loss = F.cross_entropy(method.network(batch().inputs), batch().annotation, weight.float())
    torch.testing.assert_close(mean(method(batch())["cross_entropy"]), loss)


def test_deferred_weights_wait():
    method, plain = made("class_weighted", defer=0.8).eval(), made("cross_entropy").eval()
    method.begin_epoch(7, 10)
    torch.testing.assert_close(mean(method(batch())["cross_entropy"]), mean(plain(batch())["cross_entropy"]))
    method.begin_epoch(8, 10)
    assert mean(method(batch())["cross_entropy"]) != mean(plain(batch())["cross_entropy"])


def test_ldam_takes_the_margin_from_the_own_class():
    method = made("ldam", scale=20.0).eval()
    head = method.network.head
    pooled = method.network.features(batch().inputs).pooled
    cosine = F.normalize(pooled) @ F.normalize(head.weight).T
    margins = (COUNTS**-0.25 * (0.5 / (COUNTS**-0.25).max())).float()
    onehot = F.one_hot(batch().annotation, 4)
    loss = F.cross_entropy(20.0 * (cosine - margins * onehot), batch().annotation)
    torch.testing.assert_close(mean(method(batch())["cross_entropy"]), loss)
    assert margins.tolist() == pytest.approx([0.5 * 64**-0.25, 0.25, 0.5 * 4**-0.25, 0.5])


def test_ldam_without_margin_and_scale_is_cross_entropy_of_cosines():
    method = made("ldam", scale=1.0, margin=0.0).eval()
    loss = F.cross_entropy(method.network(batch().inputs), batch().annotation)
    torch.testing.assert_close(mean(method(batch())["cross_entropy"]), loss)


def test_mixup_mixes_inputs_and_labels_by_one_share():
    method = made("mixup").eval()
    whole = batch()
    mixed = method.transform(whole, torch.Generator().manual_seed(3))
    again = method.transform(whole, torch.Generator().manual_seed(3))
    assert torch.equal(mixed.inputs, again.inputs)
    share = mixed.own_share[0].item()
    assert 0 <= share <= 1
    assert mixed.own_share.unique().numel() == 1
    other = torch.stack([(mixed.inputs[n] - share * whole.inputs[n]) / (1 - share) for n in range(len(whole))])
    rows = [next(m for m in range(len(whole)) if torch.allclose(o, whole.inputs[m].float(), atol=0.5)) for o in other]
    assert torch.equal(whole.annotation[rows], mixed.partner)
    logits = method.network(mixed.inputs)
    loss = share * F.cross_entropy(logits, whole.annotation) + (1 - share) * F.cross_entropy(logits, mixed.partner)
    torch.testing.assert_close(mean(method(mixed)["cross_entropy"]), loss)


def test_parts_of_a_mixed_batch_keep_their_partners():
    mixed = made("mixup").transform(batch(10), torch.Generator().manual_seed(0))
    parts = mixed.parts(3)
    assert [len(part) for part in parts] == [4, 3, 3]
    assert torch.equal(torch.cat([part.partner for part in parts]), mixed.partner)
    assert Batch(*(vars(parts[0]).values())).own_share.shape == (4,)


def test_label_aware_smoothing_smooths_the_frequent_class():
    method = made("label_aware_smoothing", head_epsilon=0.3).eval()
    enter(method, 0)
    method.eval()
    whole = batch()
    only = Batch(whole.inputs, torch.zeros(16, dtype=torch.int64), whole.sample_id)
    target = torch.full((16, 4), 0.1)
    target[:, 0] = 0.7
    torch.testing.assert_close(
        mean(method(only)["cross_entropy"]), F.cross_entropy(method.network(only.inputs), target)
    )


@pytest.mark.parametrize("options", [{"head_epsilon": 0.8}, {"head_epsilon": 0.0, "tail_epsilon": 0.76}])
@pytest.mark.parametrize("name", ["label_aware_smoothing", "mislas"])
def test_more_than_can_go_to_the_other_classes_is_refused(name, options):
    """Four classes: .75 is the most."""
    convention = {"convention": "others"} if name == "mislas" else {}
    with pytest.raises(ConfigError, match=rf"methods\.{name}\.{[*options][-1]}: .* expected shares up to 0\.75"):
        made(name, **convention, **options)
    made(name, **convention, head_epsilon=0.75)
