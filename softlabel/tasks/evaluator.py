"""Evaluation over classes: every score, and what a report draws, from sums over batches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from softlabel.metrics.confusion import Confusion
from softlabel.metrics.ece import ExpectedCalibrationError
from softlabel.metrics.groups import class_groups
from softlabel.metrics.per_class import PerClass
from softlabel.metrics.statistic import Contribution, Statistic, StreamingTally, Tally

MOST_CLASSES_FOR_CONFUSION = 100
MOST_CELLS_KEPT = 100_000
"""Of a score whose rows add to a cell of every class: beyond, resampling would cost more than its interval is worth."""


class HasTruth(Protocol):
    """The part of a task that evaluation needs."""

    class_names: list[str]

    def truth(self, annotation: Tensor) -> Tensor:
        """What scores compare with."""


class ClassEvaluator:
    """Adds up batches of logits and annotations; memory O(classes + bins), or O(rows) with `keep_rows`."""

    def __init__(
        self,
        statistics: Sequence[Statistic],
        task: HasTruth,
        class_counts: Tensor,
        groups: Literal["counts", "thirds"],
        *,
        keep_rows: bool = False,
    ) -> None:
        self.statistics = tuple(statistics)
        self._task = task
        self._class_counts = class_counts
        self._groups = groups
        num_classes = len(task.class_names)
        tallies: list[Tally] = [*statistics, PerClass(num_classes)]
        if num_classes <= MOST_CLASSES_FOR_CONFUSION:
            tallies.append(Confusion(num_classes))
        self._sums = [StreamingTally(tally) for tally in tallies]
        self._rows: dict[str, list[Contribution]] | None = {} if keep_rows else None

    def update(self, logits: Tensor, annotation: Tensor) -> None:
        """Add a batch: logits (N, K), annotation as the task's data have it."""
        log_probabilities = logits.float().log_softmax(-1)
        truth = self._task.truth(annotation)
        for sums in self._sums:
            sums.update(log_probabilities, truth)
        if self._rows is not None:
            self._keep(self._rows, log_probabilities, truth)

    def scores(self) -> dict[str, float | None]:
        """Every score by name; None where it is undefined (an empty group)."""
        return {
            s.name: _finite(float(s.value(sums.sums))) for s, sums in zip(self.statistics, self._sums, strict=False)
        }

    def reliability(self) -> list[dict[str, float | int | None]]:
        """The non-empty bins of the reliability diagram: low, high, count, confidence, accuracy."""
        (ece, sums) = next(
            (s, t) for s, t in zip(self.statistics, self._sums, strict=False) if type(s) is ExpectedCalibrationError
        )
        return [b.to_json() for b in ece.reliability(sums.sums) if b.count > 0]

    def details(self) -> dict[str, Any]:
        """Per-class table, groups, and confusion (None with many classes), as JSON."""
        per_class = self._tally(PerClass)
        confusion = self._tally(Confusion)
        rows = per_class.tally.table(per_class.sums)
        return {
            "per_class": [
                {
                    "class": self._task.class_names[row.index],
                    "training_count": float(self._class_counts[row.index]),
                    "test_count": row.count,
                    "accuracy": _finite(row.accuracy),
                    "mean_confidence": _finite(row.mean_confidence),
                }
                for row in rows
            ],
            "groups": [
                {
                    "name": name,
                    "classes": int(members.sum()),
                    "rows": sum(row.count for row in rows if members[row.index]),
                    "accuracy": self.scores()[f"accuracy_{name}"],
                }
                for name, members in class_groups(self._class_counts, self._groups).items()
            ],
            "confusion": None if confusion is None else confusion.tally.table(confusion.sums),
        }

    def row_contributions(self) -> dict[str, Contribution]:
        """What each row added to each score: what statistics resample.

        A score whose rows add to a cell of every class is left out when rows times classes exceed 100,000.
        """
        if self._rows is None:
            raise RuntimeError("this evaluator was made without keep_rows")
        return {
            name: Contribution(torch.cat([p.cell for p in parts]), torch.cat([p.values for p in parts]))
            for name, parts in self._rows.items()
            if not _too_many(parts)
        }

    def _keep(self, rows: dict[str, list[Contribution]], log_probabilities: Tensor, truth: Tensor) -> None:
        for statistic in self.statistics:
            kept = rows.setdefault(statistic.name, [])
            if not _too_many(kept):
                contribution = statistic.contribute(log_probabilities, truth)
                kept.append(Contribution(*(t.cpu() for t in contribution)))

    def _tally(self, kind: type[Tally]) -> Any:
        return next((sums for sums in self._sums if type(sums.tally) is kind), None)


def _too_many(parts: Sequence[Contribution]) -> bool:
    several_cells_a_row = bool(parts) and parts[0].cell.dim() > 1
    return several_cells_a_row and sum(part.cell.numel() for part in parts) > MOST_CELLS_KEPT


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
