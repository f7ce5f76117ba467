"""DMUE: what each branch knows, what teaches what, and what stays out of the target."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from softlabel.data.batch import Batch
from softlabel.errors import ConfigError
from softlabel.methods.base.method import TrainingSet
from softlabel.methods.dmue import DMUE, ramp_down, ramp_up
from softlabel.methods.dmue_shared import DMUEShared
from softlabel.networks.build import build_network
from softlabel.networks.config import NetworkConfig
from softlabel.networks.inputs import InputSpec
from softlabel.tasks.classification import Classification
from tests.methods.made import COUNTS, IMAGES, batch, copies, enter, learn, made

NAMES = ["dmue", "dmue_shared"]
TERMS = ["classifier", "latent", "similarity", "auxiliary"]
FEATURES = InputSpec(kind="features", shape=(5,), mean=[0.0] * 5, std=[1.0] * 5)


def of_class(index: list[int]) -> Batch:
    made_batch = batch(len(index))
    return Batch(made_batch.inputs, torch.tensor(index), made_batch.sample_id)


def moved(method, name):
    """The parts to which a term sends gradients."""
    method.zero_grad()
    method(batch())[name].sum.backward()
    parts = {
        "branches": method.branches,
        "backbone": method.network.backbone,
        "head": method.network.head,
        "uncertainty": method.uncertainty,
    }
    return {
        k for k, part in parts.items() if any(p.grad is not None and p.grad.abs().sum() > 0 for p in part.parameters())
    }


def test_the_terms_and_what_they_teach():
    method = made("dmue")
    assert list(method(batch())) == TERMS
    assert moved(method, "classifier") == {"backbone", "head", "uncertainty"}
    assert moved(method, "latent") == {"backbone", "head"}  # the latent distribution is a label, not a path
    assert moved(method, "similarity") == {"backbone", "branches"}
    assert moved(method, "auxiliary") == {"backbone", "branches"}


@pytest.mark.parametrize("name", NAMES)
def test_a_branch_learns_nothing_from_its_own_class(name):
    method = made(name)
    method(of_class([0, 0, 0, 0, 0, 0]))["auxiliary"].sum.backward()
    gradient = method.get_parameter("branches.weight" if name == "dmue_shared" else "branches.classifier.weight").grad
    assert gradient[0].abs().sum() == 0
    assert (gradient[1:].abs().sum((1, 2)) > 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_latent_distribution_knows_the_other_classes_alone(name):
    method = made(name, temperature=2.0)
    index = torch.tensor([0, 1, 2, 3, 1])
    said = torch.randn(4, 5, 3)
    latent = method.latent(said, index)
    for row, own in enumerate(index.tolist()):
        logits = said[own, row].double().numpy() / 2
        expected = np.insert(np.exp(logits) / np.exp(logits).sum(), own, 0.0)
        np.testing.assert_allclose(latent[row], expected, rtol=1e-5)


@pytest.mark.parametrize("similarity_of", ["features", "logits"])
def test_the_terms_are_the_published_formulas(similarity_of):
    method = made("dmue", uncertainty=False, similarity_of=similarity_of)
    method.eval()  # so that nothing depends on the order of calls
    data = of_class([0, 0, 1, 2, 1, 0, 2])  # class 3 is not in the batch
    index = data.annotation.numpy()
    with torch.no_grad():
        pyramid = method.network.features(data.inputs)
        logits = method.network.classify(pyramid.pooled)
        outputs = method.branches(pyramid.levels[-2], method.kept(data.annotation))
        said, compared = (x.double().numpy() for x in (outputs.logits, getattr(outputs, similarity_of)))
        terms = {name: (term.sum / term.mass).item() for name, term in method(data).items()}
    features = pyramid.pooled.double().numpy()
    probabilities = torch.softmax(logits.double(), -1).numpy()
    auxiliary, similarity, soft = [], [], []
    for j in range(4):
        rows = np.flatnonzero(index != j)
        log_p = said[j, rows] - np.log(np.exp(said[j, rows]).sum(1, keepdims=True))
        auxiliary.append(np.mean([-log_p[i, index[row] - (index[row] > j)] for i, row in enumerate(rows)]))
        grams = [compared[j, rows] @ compared[j, rows].T, features[rows] @ features[rows].T]
        ours, theirs = (gram / np.linalg.norm(gram, axis=1, keepdims=True) for gram in grams)
        similarity.append(((ours - theirs) ** 2).mean())
    latent = method.latent(torch.tensor(said), data.annotation).double().numpy()
    for i, y in enumerate(index):
        soft.append(sum((latent[i, k] - probabilities[i, k]) ** 2 for k in range(4) if k != y) / 3)
    assert terms["auxiliary"] == pytest.approx(np.mean(auxiliary), rel=1e-4)
    assert terms["similarity"] == pytest.approx(np.mean(similarity), rel=1e-3)
    assert terms["latent"] == pytest.approx(np.mean(soft), rel=1e-4)
    assert terms["classifier"] == pytest.approx(-np.log(probabilities[range(7), index]).mean(), rel=1e-4)


def test_the_published_form_compares_features():
    assert made("dmue").config.similarity_of == "features"
    method = made("dmue")
    method(batch())["similarity"].sum.backward()
    assert method.branches.classifier.weight.grad is None  # features come before the classifier
    assert all(parameter.grad.abs().sum() > 0 for parameter in method.branches.stage.parameters())


@pytest.mark.parametrize(("name", "backbone"), [("dmue_shared", "resnet8"), ("dmue", "linear")])
def test_features_that_every_branch_shares_are_not_compared(name, backbone):
    kind = {"dmue": DMUE, "dmue_shared": DMUEShared}[name]

    def make(**options):
        network = build_network(NetworkConfig(backbone=backbone), IMAGES, 4, 0)
        return kind(kind.Config(**options), network, Classification(list("abcd")), TrainingSet(85, COUNTS, None))

    with pytest.raises(ConfigError, match=rf"methods\.{name}\.similarity_of: .* expected logits, or similarity_weight"):
        make(similarity_of="features")
    assert list(make(similarity_of="logits")(batch())) == TERMS
    assert "similarity" not in make(similarity_of="features", similarity_weight=0.0)(batch())


@pytest.mark.parametrize("name", NAMES)
def test_a_frozen_confidence_keeps_the_weights_that_it_drew(name):
    method = made(name, freeze_confidence=True)
    enter(method, 0)
    before = copies(method)
    learn(method, rate=0.01)
    kept = {key for key, value in method.named_parameters() if torch.equal(value, before[key])}
    assert kept == {"uncertainty.hidden.weight", "uncertainty.activation.weight", "uncertainty.output.weight"}
    made(name, freeze_confidence=True, uncertainty=False).stages()


def test_the_confidence_scales_the_logits():
    method = made("dmue").eval()
    data = batch()
    with torch.no_grad():
        pooled = method.network.features(data.inputs).pooled
        alpha = method.confidence(pooled, data.annotation, pooled, data.annotation)
        expected = F.cross_entropy(alpha[:, None] * method.network(data.inputs), data.annotation, reduction="sum")
        found = method(data)["classifier"].sum
    torch.testing.assert_close(found, expected)


def test_a_confidence_that_is_not_told_the_label_leaves_the_sample_out():
    method = made("dmue", knows_label=False).eval()
    features, index = torch.randn(4, 6), torch.arange(4)
    with torch.no_grad():
        alone = method.confidence(features, index, features, index)
        cosine = F.normalize(features) @ F.normalize(features).T
        others = cosine[~torch.eye(4, dtype=torch.bool)].view(4, 3).sort(-1, descending=True).values
        statistics = torch.cat([torch.zeros(4, 1), others], -1)  # no other row of its class
        part = method.uncertainty
        expected = torch.sigmoid(part.output(part.activation(part.hidden(statistics))))[:, 0]
    torch.testing.assert_close(alone, expected)


def test_gradient_of_the_confidence():
    logits = torch.randn(6, 4, dtype=torch.float64)
    alpha = torch.rand(6, dtype=torch.float64, requires_grad=True)
    y = torch.arange(6) % 4
    F.cross_entropy(alpha[:, None] * logits, y, reduction="sum").backward()
    difference = torch.softmax(alpha.detach()[:, None] * logits, -1) - F.one_hot(y, 4)
    torch.testing.assert_close(alpha.grad, (difference * logits).sum(1))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("index", [[0] * 6, [1, 2, 1, 2], [3]])
@pytest.mark.parametrize("options", [{}, {"exclude_self": True, "bank": True, "scale_similarities": True}])
def test_classes_that_a_batch_lacks_give_no_nan(name, index, options):
    method = made(name, **options)
    if name == "dmue" and len(index) == 1:
        method.eval()  # one row has no batch statistics in the plain network either
    terms = method(of_class(index))
    total = sum(weight * terms[k].sum / terms[k].mass for k, weight in method.weights().items())
    total.backward()
    assert total.isfinite()
    assert all(p.grad is None or p.grad.isfinite().all() for p in method.parameters())


def test_what_the_branches_do_leaves_the_target_alone():
    method, plain = made("dmue"), made("cross_entropy")
    plain.network.load_state_dict(method.network.state_dict())
    method(batch())
    plain(batch())
    mine, theirs = method.network.state_dict(), plain.network.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in mine.items())


@pytest.mark.parametrize(
    ("options", "terms"),
    [
        ({"similarity_weight": 0.0, "uncertainty": False}, ["classifier", "latent", "auxiliary"]),
        ({"latent_weight": 0.0, "uncertainty": False}, ["classifier", "similarity", "auxiliary"]),
        ({"latent_weight": 0.0, "similarity_weight": 0.0}, ["classifier"]),
        ({"latent_from": "all"}, TERMS),
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_the_published_ablations(name, options, terms):
    method = made(name, **options)
    assert list(method(batch())) == terms
    before = copies(method)
    learn(method, rate=0.01)
    parameters = dict(method.named_parameters())
    assert [key for key, value in parameters.items() if torch.equal(value, before[key])] == []


def test_a_distribution_from_all_classes_has_the_own_one_too():
    method = made("dmue", latent_from="all")
    latent = method.latent(torch.randn(1, 5, 4), torch.arange(5) % 4)
    assert (latent > 0).all()
    torch.testing.assert_close(latent.sum(1), torch.ones(5))


def test_the_published_ramps():
    paper = [round(ramp_up(e, 6, "paper"), 3) for e in range(8)]
    code = [round(ramp_up(e, 6, "code"), 3) for e in range(7)]
    assert paper == [0.368, 0.499, 0.641, 0.779, 0.895, 0.973, 1.0, 1.0]
    assert code == [0.007, 0.031, 0.108, 0.287, 0.574, 0.87, 1.0]
    assert [round(ramp_down(e, 6), 3) for e in (0, 6, 8, 12, 20, 40)] == [1.0, 1.0, 0.939, 0.779, 0.613, 0.486]
    assert ramp_down(10**6, 6) == pytest.approx(math.exp(-1), rel=1e-4)


def test_the_ramps_are_the_weights_of_the_terms():
    method = made("dmue", latent_weight=0.25, similarity_weight=10.0, ramp_epochs=4)
    method.begin_epoch(2, 10)
    up = ramp_up(2, 4, "paper")
    assert method.weights() == {"classifier": up, "latent": 0.25 * up, "similarity": 10 * up, "auxiliary": 1.0}


def test_two_classes_are_refused_with_the_reason():
    for kind in (DMUE, DMUEShared):
        network = build_network(NetworkConfig(backbone="resnet8"), InputSpec("image", (1, 8, 8), [0.5], [0.25]), 2, 0)
        reason = kind.supports(Classification(["a", "b"]), network)
        assert reason is not None
        assert "two classes" in reason


@pytest.mark.parametrize("name", NAMES)
def test_features_have_branches_too(name):
    network = build_network(NetworkConfig(backbone="mlp", hidden=[6]), FEATURES, 4, 0)
    kind = {"dmue": DMUE, "dmue_shared": DMUEShared}[name]
    assert kind.supports(Classification(list("abcd")), network) is None


def test_many_classes_are_told_what_they_cost():
    inputs, names = InputSpec(kind="image", shape=(1, 8, 8), mean=[0.5], std=[0.25]), [f"class {k}" for k in range(30)]
    counts = TrainingSet(60, torch.full((30,), 2.0), lambda folder: None)
    notes = []
    for kind in (DMUE, DMUEShared):
        network = build_network(NetworkConfig(backbone="resnet8"), inputs, 30, 0)
        notes.append(kind(kind.Config(), network, Classification(names), counts).notes("instance"))
    assert len(notes[0]) == 1
    assert "for each of 30 classes: 1.7 M weights beside the 0.1 M that ship; dmue_shared" in notes[0][0]
    assert notes[1] == []


@pytest.mark.parametrize("name", NAMES)
def test_uneven_classes_are_told_what_the_confidence_does(name):
    network = build_network(NetworkConfig(backbone="mlp", hidden=[6]), FEATURES, 4, 0)
    kind, task = {"dmue": DMUE, "dmue_shared": DMUEShared}[name], Classification(list("abcd"))

    def notes(counts, sampler="instance", **options):
        training_set = TrainingSet(60, torch.tensor(counts), lambda folder: None)
        return kind(kind.Config(**options), network, task, training_set).notes(sampler)

    (told,) = notes([50.0, 10.0, 20.0, 1200.0])
    assert "classes have 10 to 1,200 rows: dmue's confidence" in told
    assert len(notes([50.0, 10.0, 20.0, 50.0])) == 1
    assert notes([50.0, 11.0, 20.0, 50.0]) == []
    assert notes([50.0, 10.0, 20.0, 1200.0], sampler="balanced") == []
    assert notes([50.0, 10.0, 20.0, 1200.0], uncertainty=False) == []
    assert notes([50.0, 10.0, 20.0, 1200.0], knows_label=False) == []


def test_what_is_kept_of_each_row():
    method = made("dmue")
    enter(method, 0)
    learn(method)
    method.eval()
    scores = method.row_scores(batch())
    assert scores["alpha"].shape == (16,)
    assert scores["latent"].shape == (16, 4)
    assert (scores["latent"].gather(1, batch().annotation[:, None]) == 0).all()
