"""Two stages: the backbone stays bit for bit, the head becomes what each method says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from softlabel.data.batch import Batch
from softlabel.errors import ConfigError
from softlabel.methods.tau_norm import normalised
from softlabel.networks.heads import CentredHead
from softlabel.tasks.multi_label import MultiLabel
from softlabel.training.config import TrainingConfig
from softlabel.training.optimisers import build_optimiser, set_rate
from tests.methods.made import batch, copies, enter, learn, made
from tests.oracle.nearest_mean import nearest_class_mean

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


def test_mislas_smooths_frequent_classes_more():
    method = made("mislas", convention="others")
    enter(method, 1)
    label = method.classifier_label(torch.tensor([0, 3]), torch.zeros(2, 4)).dense(torch.float64)
    assert label[0].tolist() == pytest.approx([0.7, 0.1, 0.1, 0.1])
    assert label[1].tolist() == [0.0, 0.0, 0.0, 1.0]


def balanced_accuracies(weight, pooled, index):
    """Of every tau that the paper tries, in float64."""
    found = {}
    for step in range(21):
        rows = weight / np.linalg.norm(weight, axis=1, keepdims=True) ** (step / 10)
        right = (pooled @ rows.T).argmax(1) == index
        found[step / 10] = np.mean([right[index == k].mean() for k in np.unique(index)])
    return found


def test_tau_is_chosen_on_validation_rows_with_classes_counting_alike():
    method = after_first_stage("tau_norm")
    method.has_validation = True
    enter(method, 1)
    method.eval()
    with torch.no_grad():
        method.network.head.weight.mul_(torch.tensor([8.0, 2.0, 1.0, 0.3])[:, None])  # a tail to be put right
        parts = [batch(40, seed=4), batch(9, seed=5)]
        weight = method.network.head.weight.double().numpy().copy()
        pooled = np.concatenate([method.network.features(part.inputs).pooled.double().numpy() for part in parts])
        scores = balanced_accuracies(weight, pooled, np.concatenate([part.annotation.numpy() for part in parts]))
        method.solve(method.stages()[1], iter(()), iter(parts))
    best = [tau for tau, score in scores.items() if score >= max(scores.values()) - 1e-9]
    assert len(best) < 21
    assert method.chosen() == {"tau": min(best, key=lambda tau: (abs(tau - 1), tau))}
    lengths = np.linalg.norm(weight, axis=1, keepdims=True) ** method.chosen()["tau"]
    np.testing.assert_allclose(method.network.head.weight.detach().numpy(), weight / lengths, rtol=1e-4)


def test_without_validation_rows_tau_is_1_and_a_person_is_told():
    method = after_first_stage("tau_norm")
    assert method.notes("instance") == ["tau_norm: no rows are kept for validation to choose tau on, so it is 1"]
    enter(method, 1)
    with torch.no_grad():
        method.solve(method.stages()[1], iter(()))
    torch.testing.assert_close(method.network.head.weight.norm(dim=1), torch.ones(4))
    assert method.chosen() == {}
    assert made("tau_norm", tau=0.5).notes("instance") == []


def test_rows_of_several_classes_have_no_accuracy_to_choose_tau_by():
    method = after_first_stage("tau_norm")
    method.has_validation, method.task = True, MultiLabel(["a", "b", "c", "d"])
    assert method.notes("instance") == [
        "tau_norm: rows of several classes have no accuracy to choose tau on, so it is 1"
    ]
    enter(method, 1)
    several = Batch(batch(9).inputs, torch.randint(0, 3, (9, 4), dtype=torch.uint8), torch.arange(9))
    with torch.no_grad():
        method.solve(method.stages()[1], iter(()), iter([several]))
    assert method.tau.item() == 1
    assert method.chosen() == {}


def test_a_tau_that_fp32_cannot_bear_is_refused_and_weights_of_0_stay():
    method = after_first_stage("tau_norm", tau=1e5)
    enter(method, 1)
    with pytest.raises(ConfigError, match=r"methods\.tau_norm\.tau: 100000 makes weights too large"), torch.no_grad():
        method.solve(method.stages()[1], iter(()))
    weight = torch.eye(3)[:2] * torch.tensor([[2.0], [0.0]])
    torch.testing.assert_close(normalised(weight, 1.0), torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]))


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


FEATURES = {"distance": ["cosine", "euclidean"], "features": ["centred", "normalised", "plain"]}


@pytest.mark.parametrize("distance", FEATURES["distance"])
@pytest.mark.parametrize("features", FEATURES["features"])
def test_ncm_answers_the_nearest_mean(features, distance):
    method = after_first_stage("ncm", distance=distance, features=features)
    enter(method, 1)
    method.eval()
    parts = [batch(8, seed=1), batch(5, seed=2)]
    queries = batch(200, seed=3).inputs
    with torch.no_grad():
        method.solve(method.stages()[1], iter(parts))
        seen = np.concatenate([method.network.features(part.inputs).pooled.double().numpy() for part in parts])
        asked = method.network.features(queries).pooled.double().numpy()
        answers = method.network(queries).argmax(1).numpy()
    index = np.concatenate([part.annotation.numpy() for part in parts])
    np.testing.assert_array_equal(answers, nearest_class_mean(seen, index, asked, features, distance))


def test_ncm_is_by_default_that_of_the_released_code_and_linear_where_it_can_be():
    method = made("ncm")
    assert (method.config.features, method.config.distance) == ("centred", "euclidean")
    heads = {
        (features, distance): made("ncm", features=features, distance=distance)
        for features in FEATURES["features"]
        for distance in FEATURES["distance"]
    }
    for method in heads.values():
        enter(method, 1)
    divided = {options for options, method in heads.items() if isinstance(method.network.head, CentredHead)}
    assert divided == {("centred", "euclidean"), ("normalised", "euclidean")}


@pytest.mark.parametrize("distance", FEATURES["distance"])
@pytest.mark.parametrize("features", FEATURES["features"])
def test_ncm_never_answers_a_class_without_rows(features, distance):
    method = after_first_stage("ncm", distance=distance, features=features)
    enter(method, 1)
    method.eval()
    seen = batch(12)
    seen = Batch(seen.inputs, seen.annotation.clamp_max(2), seen.sample_id)
    head = method.network.head
    with torch.no_grad():
        method.solve(method.stages()[1], iter([seen]))
        asked = 10 * torch.randn(4000, head.weight.shape[1], generator=torch.Generator().manual_seed(0))
        logits = head(asked).double().numpy()
    assert not (logits.argmax(1) == 3).any()
    np.testing.assert_allclose(logits[:, 3], logits[:, :3].mean(1) - 1, atol=1e-3)


@pytest.mark.parametrize("features", FEATURES["features"])
def test_ncm_bears_one_row_a_class_a_class_without_rows_and_rows_that_are_all_equal(features):
    method = made("ncm", features=features)
    enter(method, 1)
    method.eval()
    inputs = batch(1).inputs
    same = Batch(inputs.expand(3, -1, -1, -1), torch.tensor([0, 1, 1]), torch.arange(3))
    with torch.no_grad():
        method.solve(method.stages()[1], iter([same]))
        assert bool(method.network(batch(9).inputs).isfinite().all())
        assert bool(method.network(inputs).isfinite().all())


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
