"""The multi-label task: labels, strata, scores under softmax and sigmoid, temperature, answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from softlabel.calibration import TemperatureScaling
from softlabel.data import annotation as kinds
from softlabel.errors import ConfigError, UnsupportedError
from softlabel.tasks.classification import Classification
from softlabel.tasks.config import AxisConfig
from softlabel.tasks.link import Link, log_probabilities
from softlabel.tasks.multi_label import MultiLabel
from softlabel.tasks.resolve import task_for, task_from_json
from tests.oracle import label_kinds, multilabel

NAMES = ["sea", "sky", "dog", "boat"]
LEVELS = torch.tensor([[2, 2, 0, 1], [0, 0, 2, 0], [0, 0, 0, 0], [0, 1, 0, 0]], dtype=torch.uint8)
LINKS: tuple[Link, ...] = ("softmax", "sigmoid")


def example(names: list[str]) -> MultiLabel:
    return MultiLabel(names)


def drawn(rows: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    level = torch.randint(0, 3, (rows, len(NAMES)), generator=generator, dtype=torch.uint8)
    level[::7] = 0
    return 2 * torch.randn(rows, len(NAMES), generator=generator), level


def logs(logits: torch.Tensor, link: Link) -> np.ndarray:
    z = logits.double().numpy()
    return z - np.log(np.exp(z).sum(1, keepdims=True)) if link == "softmax" else -np.log1p(np.exp(-z))


def test_the_default_label_is_that_of_dldl_and_nothing_for_a_row_without_labels() -> None:
    label = MultiLabel(NAMES).label(LEVELS)
    expected = label_kinds.levels(LEVELS.numpy(), 1, 0.3, 0.005)
    np.testing.assert_allclose(label.dense().double().numpy(), expected, rtol=1e-6)
    assert label.mass.tolist() == [1, 1, 0, 1]
    np.testing.assert_allclose(MultiLabel(NAMES).truth(LEVELS).double().numpy(), expected, rtol=1e-6)


def test_counts_index_and_strata() -> None:
    task = MultiLabel(NAMES)
    assert task.class_counts(LEVELS).tolist() == [1, 1, 1, 0]
    assert task.index(LEVELS).tolist() == [0, 2, 0, 1]
    level = torch.tensor([[2, 2, 0, 0], [2, 0, 0, 0], [2, 0, 2, 0], [0, 2, 2, 0], [0, 0, 2, 1], [0, 0, 0, 0]])
    assert task.stratify(level).tolist() == [1, 0, 0, 1, 2, 4]  # 3, 2 and 3 rows: of equals the first


@pytest.mark.parametrize("link", LINKS)
@given(seed=st.integers(0, 10_000))
def test_scores_are_those_of_probabilities_as_the_link_reads_them(link: Link, seed: int) -> None:
    logits, level = drawn(23, seed)
    evaluator = MultiLabel(NAMES, link).evaluator(torch.ones(4), "counts")
    for part in (slice(0, 9), slice(9, 23)):
        evaluator.update(logits[part], level[part])
    found, s, true = evaluator.scores(), logs(logits, link), level.numpy()
    assert found["map"] == pytest.approx(multilabel.mean_average_precision(s, true))
    assert found["ranking_loss"] == pytest.approx(multilabel.ranking_loss(s, true))
    assert found["label_ranking_precision"] == pytest.approx(multilabel.label_ranking_precision(s, true))
    assert found["one_error"] == pytest.approx(multilabel.one_error(s, true))
    assert found["coverage"] == pytest.approx(multilabel.coverage(s, true))
    reached = s - s.max(1, keepdims=True) if link == "softmax" else s
    assert found["hamming_loss"] == pytest.approx(multilabel.hamming_loss(reached, true))
    assert found["f1_micro"] == pytest.approx(multilabel.f1(reached, true, "micro"))
    assert found["f1_macro"] == pytest.approx(multilabel.f1(reached, true, "macro"))


def test_scores_have_one_list_whatever_the_link() -> None:
    softmax, sigmoid = (MultiLabel(NAMES, link).statistics(torch.ones(4), "counts") for link in LINKS)
    assert [one.name for one in softmax] == [one.name for one in sigmoid]
    assert softmax[0].name == MultiLabel(NAMES).selection_score() == "map"
    assert (softmax[0].better, MultiLabel.selects) == ("higher", "highest")


def test_details_have_the_average_precision_of_every_label() -> None:
    logits, level = drawn(40, 1)
    level[:, 3] = 0
    evaluator = MultiLabel(NAMES).evaluator(torch.tensor([9.0, 8, 7, 0]), "counts")
    evaluator.update(logits, level)
    rows = evaluator.details()["by_label"]
    s = logs(logits, "softmax")
    for k, row in enumerate(rows[:3]):
        assert row["average_precision"] == pytest.approx(multilabel.average_precision(s[:, k], level[:, k].numpy()))
        assert row["test_count"] == int((level[:, k] == 2).sum())
        assert row["counted"] == int((level[:, k] != 1).sum())
    assert [row["class"] for row in rows] == NAMES
    assert (rows[3]["average_precision"], rows[0]["training_count"]) == (None, 9)
    assert evaluator.reliability() == []


def test_the_temperature_of_softmax_fits_the_labels_as_a_distribution() -> None:
    logits, level = drawn(200, 2)
    logits = logits + 2.5 * level
    q, known = label_kinds.levels(level.numpy(), 1, 0.3, 0.005), (level > 0).any(1).numpy()

    def loss(temperature: float) -> float:
        return float(-(q * logs(logits / temperature, "softmax"))[known].mean())

    fitted = TemperatureScaling().fit(*MultiLabel(NAMES).for_temperature(logits, level)).temperature
    assert 0.5 < fitted < 5
    assert loss(fitted) <= min(loss(fitted * factor) for factor in (0.98, 1.02))


def test_the_temperature_of_sigmoid_fits_every_label_that_is_not_difficult() -> None:
    generator = torch.Generator().manual_seed(3)
    z = 2 * torch.randn(2000, 4, generator=generator)
    level = 2 * torch.bernoulli(z.sigmoid(), generator=generator).to(torch.uint8)
    level[torch.rand(level.shape, generator=generator) < 0.2] = 1
    task = MultiLabel(NAMES, "sigmoid")
    scaling = TemperatureScaling().fit(*task.for_temperature(3 * z, level))
    assert scaling.temperature == pytest.approx(3, rel=0.08)

    def loss(temperature: float) -> float:
        p = (3 * z / temperature).sigmoid().double()
        return float(torch.nn.functional.binary_cross_entropy(p, (level == 2).double(), (level != 1).double()))

    assert loss(scaling.temperature) <= min(loss(scaling.temperature * factor) for factor in (0.98, 1.02))


def test_softmax_answers_with_labels_of_at_least_half_the_largest_share() -> None:
    task = MultiLabel(NAMES)
    (answer,) = task.answer(torch.tensor([[0.2, 0.45, 0.1, 0.25]]))
    assert answer["labels"] == ["sky", "boat"]
    assert answer["distribution"]["sea"] == pytest.approx(0.2)
    assert task.tell(answer) == ["sky 0.450, boat 0.250"]
    assert set(task.answer_fields) | {"distribution"} == set(answer)


def test_sigmoid_answers_with_labels_that_are_more_probable_than_not() -> None:
    task = MultiLabel(NAMES, "sigmoid")
    several, none = task.answer(torch.tensor([[0.9, 0.45, 0.1, 0.5], [0.4, 0.1, 0.0, 0.2]]))
    assert several["labels"] == ["sea", "boat"]
    assert none["labels"] == []
    assert task.tell(none) == ["no label (nearest: sea 0.400)"]


def test_rows_in_words() -> None:
    assert MultiLabel(NAMES).describe(LEVELS) == ["sea, sky, boat?", "dog", "no label", "sky?"]


@pytest.mark.parametrize("link", LINKS)
def test_round_trip_through_json(link: Link) -> None:
    again = task_from_json(MultiLabel(NAMES).read_as(link).to_json())
    assert isinstance(again, MultiLabel)
    assert (again.class_names, again.link) == (NAMES, link)


def test_only_known_links_and_tasks_of_several_labels() -> None:
    with pytest.raises(ValueError, match="expected 'softmax' or 'sigmoid'"):
        task_from_json({"name": "multi-label", "class_names": NAMES, "link": "tanh"})
    assert Classification(NAMES).read_as("softmax").link == "softmax"
    with pytest.raises(UnsupportedError, match="classification reads logits by softmax, not by sigmoid"):
        Classification(NAMES).read_as("sigmoid")


def test_the_task_that_levels_ask_for() -> None:
    assert task_for("auto", kinds.LEVELS, NAMES, LEVELS, AxisConfig()).name == "multi-label"
    with pytest.raises(ConfigError, match="any number of labels per row: use 'multi-label' or 'auto'"):
        task_for("classification", kinds.LEVELS, NAMES, LEVELS, AxisConfig())
    with pytest.raises(ConfigError, match="one class label per row: use 'classification' or 'auto'"):
        task_for("multi-label", kinds.LABEL, NAMES, torch.zeros(2), AxisConfig())


@pytest.mark.parametrize("link", LINKS)
def test_log_probabilities_of_large_logits_stay_finite(link: Link) -> None:
    found = log_probabilities(torch.tensor([[1e4, -1e4, 0.0]]), link)
    assert bool(found.isfinite().all())
    assert float(found[0, 0]) == pytest.approx(0)
    assert math.isclose(float(found[0, 1]), -2e4 if link == "softmax" else -1e4)
