"""What an answer that never looks at the input would score: the mark to pass before anything is learnt."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from softlabel.data.samples import Samples
from softlabel.evaluation.scores import rows_at_once
from softlabel.metrics.ranking import RankingStatistic, value_once
from softlabel.statistic import Contribution, Statistic, total
from softlabel.tasks.evaluator import Evaluator, finite
from softlabel.tasks.prepared import Prepared
from softlabel.tasks.task import Task

PARTS = 20
CLEARLY = 2.0
"""Standard errors by which a score must be better."""


def beside_constant(task: Task, tested: Evaluator, rows: Samples, prepared: Prepared) -> dict[str, Any]:
    """The score that selects, of a model and of the better constant answer, on the same rows; `passed`: clearly better.

    `scores` are those of the answer that is always the mean label of the training part. The constant answers are that,
    with one more row spread over all classes, and, where the classes share one whole, all classes alike. How sure the
    difference is comes from a jackknife over 20 parts of the rows.
    """
    name = task.selection_score()
    (statistic,) = tested.alone(name).statistics
    sign = 1 if statistic.better == "higher" else -1
    value, own = tested.scores()[name], tested.row_contributions().get(name)
    found = [
        _answered(logits, tested.alone(name, keep_rows=True), task.per_pixel, rows)
        for logits in constant_logits(task, prepared)
    ]
    known = [(score, contribution) for score, contribution in found if score is not None]
    best, theirs = max(known, key=lambda one: sign * one[0], default=(None, None))
    passed = False
    if value is not None and best is not None:
        error = 0.0 if own is None or theirs is None else jackknife_error(statistic, own, theirs)
        passed = sign * (value - best) > CLEARLY * error
    scores = _scores(task, rows, prepared)
    return {
        "score": name,
        "title": statistic.title,
        "value": value,
        "constant": best,
        "passed": passed,
        "scores": scores,
    }


def _scores(task: Task, rows: Samples, prepared: Prepared) -> dict[str, float | None]:
    """Every score of the mean label of the training part, given as the answer to each row."""
    evaluator = task.evaluator(prepared.class_counts, prepared.config.groups)
    _answer(constant_logits(task, prepared)[0], evaluator, task.per_pixel, rows)
    return evaluator.scores()


def constant_logits(task: Task, prepared: Prepared) -> list[Tensor]:
    """Logits (K,) of each constant answer."""
    counts = prepared.class_counts.double()
    if task.link == "sigmoid":
        return [((counts + 0.5) / (prepared.rows["training"] + 1)).logit().float()]
    frequencies = (counts + 1 / len(counts)) / (counts.sum() + 1)
    return [frequencies.log().float(), torch.zeros(len(counts))]


def jackknife_error(statistic: Statistic, first: Contribution, second: Contribution) -> float:
    """The standard error of the difference of two scores on the same rows, by leaving out each of 20 parts of them."""
    parts = min(PARTS, len(first.cell))
    part = torch.arange(len(first.cell)) % parts
    differences = [
        float(_value(statistic, first, part != k) - _value(statistic, second, part != k)) for k in range(parts)
    ]
    known = torch.tensor([one for one in differences if finite(one) is not None], dtype=torch.float64)
    if len(known) < 2:
        return 0.0
    return float(((len(known) - 1) * known.var(correction=0)).sqrt())


def _value(statistic: Statistic, contribution: Contribution, kept: Tensor) -> Tensor:
    rows = Contribution(contribution.cell[kept], contribution.values[kept])
    if isinstance(statistic, RankingStatistic):
        return value_once(statistic, rows.values)
    return statistic.value(total(statistic, rows))


def _answered(
    logits: Tensor, evaluator: Evaluator, per_pixel: bool, rows: Samples
) -> tuple[float | None, Contribution | None]:
    """The score of a constant answer by an evaluator of that score alone, and what each row adds to it."""
    _answer(logits, evaluator, per_pixel, rows)
    ((name, score),) = evaluator.scores().items()
    return score, evaluator.row_contributions().get(name)


def _answer(logits: Tensor, evaluator: Evaluator, per_pixel: bool, rows: Samples) -> None:
    """Give every row the same answer."""
    for annotation in torch.split(rows.annotation, rows_at_once(rows)):
        pixels = tuple(annotation.shape[1:]) if per_pixel else ()
        shaped = logits.reshape(1, -1, *[1] * len(pixels)).expand(len(annotation), -1, *pixels)
        evaluator.update(shaped, annotation)
