"""A temperature for validation rows, and what their scores are with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor

from softlabel.calibration import TemperatureScaling
from softlabel.data.samples import Samples
from softlabel.evaluation.scores import rows_at_once
from softlabel.tasks.prepared import Prepared
from softlabel.tasks.task import Task


def fitted(task: Task, logits: Tensor, annotation: Tensor, *, cautious: bool = False) -> TemperatureScaling:
    """The temperature to which these logits (N, K), or (N, K, H, W), are most probable; rows or classes count alike.

    cautious   1 where samples that are left out gain nothing: for what is to be used on others
    """
    weight: Literal["balanced"] | None = "balanced" if task.class_balanced else None
    rows = task.for_temperature(logits, annotation)
    return TemperatureScaling().fit(*rows, class_weight=weight, cautious=cautious)


def scores_at(
    temperature: float, task: Task, logits: Tensor, rows: Samples, prepared: Prepared
) -> dict[str, float | None]:
    """All scores of the logits of these rows, divided by a temperature."""
    evaluator = task.evaluator(prepared.class_counts, prepared.config.groups)
    for some, said in _chunks(logits / temperature, rows):
        evaluator.update(some, said)
    return evaluator.scores()


def selection_score_at(
    temperature: float, task: Task, logits: Tensor, rows: Samples, prepared: Prepared
) -> float | None:
    """The one score that selects, as `scores_at` has it."""
    name = task.selection_score()
    evaluator = task.evaluator(prepared.class_counts, prepared.config.groups).alone(name)
    for some, said in _chunks(logits / temperature, rows):
        evaluator.update(some, said)
    return evaluator.scores()[name]


def _chunks(logits: Tensor, rows: Samples) -> Iterator[tuple[Tensor, Tensor]]:
    step = rows_at_once(rows)
    return zip(torch.split(logits, step), torch.split(rows.annotation, step), strict=True)
