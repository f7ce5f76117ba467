"""A model is beside an answer that never looks at the input: its scores, when it passes, and how that is said."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from softlabel.evaluation.calibrated import selection_score_at
from softlabel.evaluation.constant import beside_constant, jackknife_error
from softlabel.metrics.nll import NegativeLogLikelihood
from softlabel.report.comparison import weakness
from tests.training.tiny import tiny_levels, tiny_prepared, tiny_values


def beside(logits: torch.Tensor):
    prepared = tiny_prepared()
    evaluator = prepared.task.evaluator(prepared.class_counts, "counts", keep_rows=True)
    evaluator.update(logits, prepared.splits.test.annotation)
    return beside_constant(prepared.task, evaluator, prepared.splits.test, prepared)


def labels() -> torch.Tensor:
    return tiny_prepared().splits.test.annotation


def test_the_constant_is_the_better_of_frequencies_and_all_alike() -> None:
    prepared, annotation = tiny_prepared(), labels().numpy()
    counts = prepared.class_counts.numpy()
    frequencies = (counts + 0.1) / (counts.sum() + 1)
    expected = min(-np.log(frequencies[annotation]).mean(), math.log(10))
    assert beside(torch.zeros(len(annotation), 10))["constant"] == pytest.approx(expected, rel=1e-6)


def test_its_scores_are_those_of_the_mean_label() -> None:
    prepared, annotation = tiny_prepared(), labels().numpy()
    counts = prepared.class_counts.numpy()
    mean = (counts + 0.1) / (counts.sum() + 1)
    scores = beside(torch.zeros(len(annotation), 10))["scores"]
    assert scores["nll"] == pytest.approx(-np.log(mean[annotation]).mean(), rel=1e-6)
    assert scores["accuracy"] == pytest.approx((annotation == mean.argmax()).mean())
    assert scores["balanced_accuracy"] == pytest.approx(0.1)


def test_a_model_that_has_learnt_passes_and_one_that_has_not_is_told() -> None:
    index = labels()
    good = beside(4 * torch.nn.functional.one_hot(index, 10).float())
    assert good["passed"]
    assert weakness({"constant": good}) is None
    for seed in range(12):
        noise = torch.randn(len(index), 10, generator=torch.Generator().manual_seed(seed))
        for scale in (0.01, 0.1, 1.0):
            hopeless = beside(scale * noise)
            assert not hopeless["passed"]
            assert "not clearly better than a constant answer: NLL" in str(weakness({"constant": hopeless}))


@pytest.mark.parametrize("task", ["values", "levels"])
def test_every_task_s_own_reading_of_annotations_counts(task: str) -> None:
    prepared = {"values": tiny_values, "levels": tiny_levels}[task]()
    rows, name = prepared.splits.test, prepared.task.selection_score()
    hot = torch.nn.functional.one_hot(labels(), 10).float()
    found = {}
    for scale in (0.0, 9.0):
        evaluator = prepared.task.evaluator(prepared.class_counts, "counts", keep_rows=True)
        evaluator.update(scale * hot, rows.annotation)
        found[scale] = beside_constant(prepared.task, evaluator, rows, prepared)
        score = selection_score_at(1.0, prepared.task, scale * hot, rows, prepared)
        assert score == pytest.approx(evaluator.scores()[name])
    assert [one["passed"] for one in found.values()] == [False, True]
    assert found[0.0]["constant"] == found[9.0]["constant"] == pytest.approx(found[0.0]["value"], rel=0.2)


def test_the_jackknife_of_a_mean_is_its_standard_error() -> None:
    score = NegativeLogLikelihood()
    logs, index = torch.randn(20, 3, dtype=torch.float64).log_softmax(-1), torch.arange(20) % 3
    flat = torch.full((20, 3), 1 / 3, dtype=torch.float64).log()
    found = jackknife_error(score, score.contribute(logs, index), score.contribute(flat, index))
    values = -logs[torch.arange(20), index].numpy()
    assert found == pytest.approx(values.std(ddof=1) / math.sqrt(20))
