"""A mixture of related labels, over labels of a row or of an axis, its controls, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import nnls
from torch import Tensor

from softlabel.data.batch import Batch
from softlabel.errors import ConfigError
from softlabel.methods.base.discovery import find_method
from softlabel.methods.base.method import TrainingSet
from softlabel.methods.label_mixture import LabelMixture, shifted
from softlabel.tasks.classification import Classification
from softlabel.tasks.config import AxisConfig
from softlabel.tasks.multi_label import MultiLabel
from softlabel.tasks.ordinal import Ordinal
from tests.methods.made_levels import NAMES, NETWORK, K, batch, made, training_levels
from tests.oracle import label_kinds


def mixture(**options: Any) -> LabelMixture:
    method = made("label_mixture", **options)
    assert isinstance(method, LabelMixture)
    return method


def distance(level: np.ndarray) -> np.ndarray:
    """Written again from the formula."""
    present = level > 0
    d = np.zeros((K, K))
    for j in range(K):
        for k in range(K):
            either = np.sum(present[:, j] | present[:, k])
            s = 1.0 if j == k else max(np.sum(present[:, j] & present[:, k]) / max(either, 1), 1e-3)
            d[j, k] = np.sqrt(max(-np.log(s), 0.0))
    return d


def test_the_mixture_is_that_of_the_training_rows_relations() -> None:
    level = training_levels()
    expected = label_kinds.gaussian_mixture(level.numpy(), distance(level.numpy()), 0.6, 1.0, 0.3, 0.01)
    found = mixture(sigma=0.6, negative=0.01).label(level).dense()
    np.testing.assert_allclose(found.numpy(), expected, atol=2e-6)


def test_the_loss_is_the_divergence_from_it_over_rows_that_have_a_label() -> None:
    level = training_levels()[:12]
    method, data = mixture(), batch(level)
    q = method.label(level).dense(torch.float64).numpy()
    z = NETWORK(data.inputs).detach().double().numpy()
    log_p = z - np.log(np.exp(z).sum(1, keepdims=True))
    term = method(data)["kl_divergence"]
    expected = (q * (np.log(np.maximum(q, 1e-300)) - log_p)).sum()
    assert float(term.sum.detach()) == pytest.approx(expected, rel=1e-5)
    assert float(term.mass) == int((level > 0).any(1).sum()) == 10


@pytest.mark.parametrize("sigma", [0.0, 1e-3])
def test_without_width_it_is_the_label_of_dldl(sigma: float) -> None:
    level = training_levels()
    found = mixture(sigma=sigma).label(level).dense()
    np.testing.assert_allclose(found.numpy(), label_kinds.levels(level.numpy(), 1, 0.3, 0.005), atol=1e-6)


def test_related_absent_labels_get_more_than_unrelated_ones() -> None:
    level = torch.tensor([[2, 0, 0, 0, 0]], dtype=torch.uint8)
    q = mixture().label(level).dense()[0]
    assert float(q[1]) > 3 * float(q[[3, 4]].max())
    assert float(q[1]) > 0.05


def test_a_mixture_goes_where_the_classes_go() -> None:
    order = torch.tensor([3, 0, 4, 1, 2])
    level = training_levels()
    kind, training_set = find_method("label_mixture"), TrainingSet(60, torch.ones(K), lambda folder: NETWORK, level)
    moved_set = TrainingSet(60, torch.ones(K), lambda folder: NETWORK, level[:, order])
    own = kind(kind.Config(), NETWORK, MultiLabel(NAMES), training_set)
    moved = kind(kind.Config(), NETWORK, MultiLabel([NAMES[k] for k in order]), moved_set)
    assert isinstance(own, LabelMixture)
    assert isinstance(moved, LabelMixture)
    torch.testing.assert_close(moved.label(level[:, order]).dense(), own.label(level).dense()[:, order])


def test_the_shuffled_control_has_the_same_relations_between_other_labels() -> None:
    own, other = mixture().distance, mixture(control="shuffled").distance
    torch.testing.assert_close(own.flatten().sort().values, other.flatten().sort().values)
    assert not torch.allclose(own, other)
    torch.testing.assert_close(mixture(control="shuffled").distance, other)  # the same whenever it is made


@pytest.mark.parametrize("size", [2, 3, 7])
def test_a_shift_leaves_nothing_in_its_place(size: int) -> None:
    for seed in range(20):
        taken = shifted(torch.randperm(size, generator=torch.Generator().manual_seed(seed)))
        assert sorted(taken.tolist()) == list(range(size))
        assert bool((taken != torch.arange(size)).all())


@pytest.mark.parametrize("sigma", [0.4, 0.8, 2.0])
def test_the_smoothing_control_has_the_mixtures_mean_entropy_and_no_relations(sigma: float) -> None:
    level = training_levels()
    known = (level > 0).any(1)
    own, control = mixture(sigma=sigma).label(level), mixture(sigma=sigma, control="smoothing").label(level)
    wanted, found = (label.entropy(torch.float64)[known].mean() for label in (own, control))
    assert float(found) == pytest.approx(float(wanted), abs=1e-4)
    q = control.dense()[known]
    for row, of in zip(q, level[known], strict=True):
        assert row[of == 0].unique().numel() <= 1 or float(row[of == 0].std()) < 1e-7
    assert control.mass.tolist() == own.mass.tolist()


def test_the_report_gets_the_label_of_every_class_by_itself() -> None:
    ((title, table),) = mixture().tables().items()
    assert "alone" in title
    torch.testing.assert_close(table.sum(1), torch.ones(K))
    assert bool((table.argmax(1) == torch.arange(K)).all())


def test_amounts_that_do_not_fall_are_refused_before_training() -> None:
    with pytest.raises(ConfigError, match=r"label_mixture: amounts are 1\.0"):
        mixture(difficult=1.5)


def mixture_of(task: MultiLabel | Ordinal, annotation: Tensor, **options: Any) -> LabelMixture:
    return LabelMixture(
        LabelMixture.Config.model_validate(options), NETWORK, task, TrainingSet(60, torch.ones(K), None, annotation)
    )


def test_a_mixture_over_an_axis_has_a_gaussian_on_every_level() -> None:
    """The nearest value is present, those within the row's spread are difficult; peaks by NNLS, written again."""
    task = Ordinal(torch.tensor([10.0, 12.0, 14.0, 16.0, 18.0]), AxisConfig())
    annotation = torch.tensor([[12.9, float("nan")], [14.0, 2.0], [30.0, 1.0]])
    method = mixture_of(task, annotation, sigma=1.5)
    assert method.levels(annotation).tolist() == [[0, 2, 0, 0, 0], [0, 1, 2, 1, 0], [0, 0, 0, 0, 2]]
    found = method.label(method.levels(annotation)).dense().double().numpy()
    apart = np.abs(np.subtract.outer(np.arange(10.0, 19, 2), np.arange(10.0, 19, 2)))
    kernel = np.exp(-(apart**2) / (2 * 1.5**2))
    alone = 0.005 + 0.995 * kernel[1]
    np.testing.assert_allclose(found[0], alone / alone.sum(), rtol=1e-5)
    weights, _ = nnls(kernel[1:4, 1:4], np.array([0.295, 0.995, 0.295]))
    several = 0.005 + weights @ kernel[1:4]
    np.testing.assert_allclose(found[1], several / several.sum(), rtol=1e-5)
    assert method(Batch(torch.randn(3, 6), annotation, torch.arange(3)))["kl_divergence"].sum.isfinite()
    assert mixture_of(task, annotation, control="smoothing").even > 0


def test_classes_named_by_numbers_are_an_axis() -> None:
    method = mixture_of(MultiLabel(["1", "2", "4", "-3", "1e1"]), training_levels(), distance="grid")
    assert method.distance[0].tolist() == [0, 1, 3, 4, 9]
    with pytest.raises(ConfigError, match="'label 0' is not a number"):
        mixture_of(MultiLabel(NAMES), training_levels(), distance="grid")


@pytest.mark.parametrize("kind", ["multi-label", "ordinal"])
def test_vectors_of_labels_say_what_is_near(tmp_path: Path, kind: str) -> None:
    axis = Ordinal(torch.arange(5.0), AxisConfig())
    task: MultiLabel | Ordinal = axis if kind == "ordinal" else MultiLabel(NAMES)
    annotation = torch.tensor([[1.0, float("nan")]]) if kind == "ordinal" else training_levels()
    angles = np.arange(5) * 0.3
    lines = [f"{name},{np.cos(a)},{np.sin(a)}" for name, a in zip(task.class_names, angles, strict=True)]
    (tmp_path / "v.csv").write_text("\n".join(reversed(lines)))
    method = mixture_of(task, annotation, distance="embedding", embeddings=str(tmp_path / "v.csv"))
    expected = np.sqrt(1 - np.cos(np.subtract.outer(angles, angles)))
    np.testing.assert_allclose(method.distance.numpy(), expected, atol=1e-7)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"distance": "embedding"}, "goes with distance embedding"),
        ({"embeddings": "v.csv"}, "goes with distance embedding"),
        ({"distance": "cooccurrence"}, "expected grid or embedding"),
    ],
)
def test_distances_that_cannot_be_are_refused(options: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        mixture_of(Ordinal(torch.arange(5.0), AxisConfig()), torch.tensor([[1.0, 1.0]]), **options)


def test_a_row_of_one_class_without_an_axis_is_refused() -> None:
    method = find_method("label_mixture")
    reason = method.supports(Classification(NAMES), NETWORK)
    assert reason == "it relates labels of a row or of an axis, and a row of the task classification has neither"
    assert method.supports(Ordinal(torch.arange(5.0), AxisConfig()), NETWORK) is None
