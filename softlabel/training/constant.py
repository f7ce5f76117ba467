"""What an answer that never looks at the input would score: the mark to pass before anything is learnt."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from softlabel.data.samples import Samples
from softlabel.tasks.task import Task
from softlabel.training.calibrated import selection_score_at
from softlabel.training.prepare import Prepared


def beside_constant(task: Task, value: float | None, rows: Samples, prepared: Prepared) -> dict[str, Any]:
    """The score that selects, of a model and of the better constant answer, on the same rows.

    The constant answers are the frequencies of the training part, with one more row spread over all classes, and, where
    the classes share one whole, all classes alike.
    """
    name = task.selection_score()
    found = {score.name: score for score in task.statistics(prepared.class_counts, prepared.config.groups)}
    scores = [
        score
        for logits in constant_logits(task, prepared)
        if (score := _score(logits, task, rows, prepared)) is not None
    ]
    best = (min if task.selects == "lowest" else max)(scores, default=None)
    passed = value is not None and best is not None and (value < best if task.selects == "lowest" else value > best)
    return {"score": name, "title": found[name].title, "value": value, "constant": best, "passed": passed}


def constant_logits(task: Task, prepared: Prepared) -> list[Tensor]:
    """Logits (K,) of each constant answer."""
    counts = prepared.class_counts.double()
    if task.link == "sigmoid":
        return [((counts + 0.5) / (prepared.rows["training"] + 1)).logit().float()]
    frequencies = (counts + 1 / len(counts)) / (counts.sum() + 1)
    return [frequencies.log().float(), torch.zeros(len(counts))]


def _score(logits: Tensor, task: Task, rows: Samples, prepared: Prepared) -> float | None:
    pixels = tuple(rows.annotation.shape[1:]) if task.per_pixel else ()
    shaped = logits.reshape(1, -1, *[1] * len(pixels)).expand(len(rows), -1, *pixels)
    return selection_score_at(1.0, task, shaped, rows, prepared)
