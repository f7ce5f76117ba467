"""DaSL: what teaches what, what stays, and what ships."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from softlabel.errors import ConfigError
from softlabel.methods.dasl import DaSL
from softlabel.networks.auxiliary import AuxiliaryNetwork
from softlabel.networks.build import build_network
from softlabel.networks.config import NetworkConfig
from softlabel.networks.inputs import InputSpec
from softlabel.networks.network import Pyramid
from softlabel.tasks.classification import Classification
from tests.methods.made import batch, copies, enter, learn, made

AUXILIARY = ["retrain", "reinitialise", "frozen"]


def gradients(method, name):
    """Whether the term sends a gradient to the auxiliary network, to the backbone and to the head."""
    method.zero_grad()
    method(batch())[name].sum.backward()
    parts = {"auxiliary": method.auxiliary, "backbone": method.network.backbone, "head": method.network.head}
    return {
        k for k, part in parts.items() if any(p.grad is not None and p.grad.abs().sum() > 0 for p in part.parameters())
    }


def test_the_terms_of_stage_1_and_their_walls():
    method = made("dasl")
    enter(method, 0)
    assert list(method(batch())) == ["classifier", "auxiliary", "label_distillation", "feature_distillation"]
    assert gradients(method, "classifier") == {"backbone", "head"}
    assert gradients(method, "auxiliary") == {"auxiliary", "backbone"}
    assert gradients(method, "label_distillation") == {"backbone", "head"}
    assert gradients(method, "feature_distillation") == {"backbone"}


def test_without_the_wall_the_auxiliary_network_is_taught_too():
    method = made("dasl", detach=False)
    enter(method, 0)
    assert "auxiliary" in gradients(method, "label_distillation")
    assert "auxiliary" in gradients(method, "feature_distillation")


def test_it_fuses_as_many_of_the_coarsest_levels_as_are_asked_for():
    method = made("dasl", auxiliary_levels=2)
    enter(method, 0)
    assert len(method.auxiliary.down) == 1
    widths = method.network.backbone.widths
    assert [layer[0].in_channels for layer in method.auxiliary.down_lateral] == list(widths[-2:])
    terms = method(batch())
    assert all(torch.isfinite(term.sum) for term in terms.values())
    assert type(method).levels_read(method.config) == 2
    with pytest.raises(ConfigError, match=f"9 are more than the {len(widths)} of the backbone"):
        made("dasl", auxiliary_levels=9)


@pytest.mark.parametrize("auxiliary", AUXILIARY)
def test_stage_2_keeps_the_backbone_and_moves_what_it_should(auxiliary):
    method = made("dasl", classifier_auxiliary=auxiliary)
    enter(method, 0)
    learn(method)
    trained = copies(method.auxiliary)
    enter(method, 1)
    begun = copies(method.auxiliary)
    backbone, head = copies(method.network.backbone), copies(method.network.head)
    learn(method)
    assert all(torch.equal(v, backbone[k]) for k, v in method.network.backbone.state_dict().items())
    assert not torch.equal(head["weight"], method.network.head.weight)
    same_start = all(torch.equal(begun[k], v) for k, v in trained.items())
    same_end = all(torch.equal(begun[k], v) for k, v in method.auxiliary.state_dict().items())
    assert same_start == (auxiliary != "reinitialise")
    assert same_end == (auxiliary == "frozen")


@pytest.mark.parametrize("auxiliary", ["retrain", "reinitialise"])
def test_in_stage_2_nothing_reaches_the_backbone(auxiliary):
    method = made("dasl", classifier_auxiliary=auxiliary)
    enter(method, 1)
    assert gradients(method, "auxiliary") == {"auxiliary"}
    assert gradients(method, "classifier") == {"head"}
    assert gradients(method, "label_distillation") == {"head"}


def test_stage_2_may_learn_from_soft_labels_alone():
    method = made("dasl", classifier_hard=False)
    enter(method, 1)
    assert list(method(batch())) == ["auxiliary", "label_distillation"]


def test_by_default_the_auxiliary_network_is_trained_on_and_no_factor_is_added():
    config = made("dasl").config
    assert (config.classifier_auxiliary, config.scale_by_temperature) == ("retrain", False)


@pytest.mark.parametrize(("scaled", "factor"), [(False, 1.0), (True, 9.0)])
def test_label_distillation_is_the_divergence_at_the_temperature(scaled, factor):
    method = made("dasl", temperature=3.0, scale_by_temperature=scaled)
    ours, theirs = torch.randn(2, 5, 4, dtype=torch.float64)
    ours.requires_grad_()
    loss = method.label_distillation(ours, theirs)
    q, p = (np.exp(z / 3) / np.exp(z / 3).sum(1, keepdims=True) for z in (theirs.numpy(), ours.detach().numpy()))
    assert loss.sum.item() == pytest.approx(factor * (q * np.log(q / p)).sum(), rel=1e-6)
    loss.sum.backward()
    np.testing.assert_allclose(ours.grad.numpy(), factor * (p - q) / 3, rtol=1e-5, atol=1e-7)


def test_distillation_is_zero_between_equal_logits_and_has_no_gradient():
    method = made("dasl")
    logits = torch.randn(5, 4, requires_grad=True)
    loss = method.label_distillation(logits, logits.detach())
    loss.sum.backward()
    assert loss.sum.item() == pytest.approx(0.0, abs=1e-5)
    assert logits.grad.abs().max().item() < 1e-6


def test_at_a_high_temperature_distillation_matches_centred_logits():
    method = made("dasl", temperature=1e3, scale_by_temperature=True)
    ours, theirs = torch.randn(5, 4, requires_grad=True), torch.randn(5, 4)
    method.label_distillation(ours, theirs).sum.backward()
    centred = (ours - ours.mean(1, keepdim=True)) - (theirs - theirs.mean(1, keepdim=True))
    torch.testing.assert_close(ours.grad, centred.detach() / 4, rtol=2e-2, atol=2e-3)


def test_fusion_weights_are_shares():
    network = AuxiliaryNetwork((4, 8, 16), 3)
    network.down[0].weights.data.copy_(torch.tensor([-2.0, 3.0]))
    for fusion in (*network.down, *network.up):
        shares = fusion.shares()
        assert (shares >= 0).all()
        assert shares.sum().item() <= 1
    assert network.down[0].shares()[0].item() == 0


@pytest.mark.parametrize("sizes", [((32, 32), (16, 16), (8, 8)), ((7, 9), (4, 5), (2, 3)), ((4, 4), (4, 4), (1, 1))])
def test_fused_levels_have_the_sizes_of_the_pyramid(sizes):
    network = AuxiliaryNetwork((4, 8, 16), 3, width=2.0, depth=2)
    levels = [torch.rand(2, c, *size) for c, size in zip((4, 8, 16), sizes, strict=True)]
    fused, logits = network(levels)
    assert [tuple(f.shape) for f in fused] == [(2, 2 * c, *size) for c, size in zip((4, 8, 16), sizes, strict=True)]
    assert logits.shape == (2, 3)
    assert all((f >= 0).all() for f in fused)


def test_every_part_of_the_auxiliary_network_learns():
    method = made("dasl")
    enter(method, 0)
    before = copies(method.auxiliary)
    learn(method, steps=3)
    parameters = dict(method.auxiliary.named_parameters())
    assert {k for k in parameters if torch.equal(before[k], parameters[k])} == set()


def test_vectors_are_refused_with_the_reason():
    features = InputSpec(kind="features", shape=(5,), mean=[0.0] * 5, std=[1.0] * 5)
    network = build_network(NetworkConfig(backbone="mlp"), features, 3, 0)
    reason = DaSL.supports(Classification(["a", "b", "c"]), network)
    assert reason is not None
    assert "pyramid" in reason
    assert "MLP gives vectors" in reason


def test_stage_1_does_not_depend_on_options_of_stage_2():
    one, other = made("dasl"), made("dasl", classifier_auxiliary="frozen", classifier_epochs=3, batch_norm="shift")
    first, second = one.stages()
    assert one.fingerprint(first) == other.fingerprint(first)
    assert one.fingerprint(second) != other.fingerprint(second)
    third = made("dasl", temperature=2.0)
    assert one.fingerprint(first) != third.fingerprint(first)


def test_what_ships_has_no_trace_of_it():
    shipped = made("dasl").deployable()
    assert not [key for key in shipped.state_dict() if "auxiliary" in key]
    assert isinstance(shipped.features(batch().inputs), Pyramid)
