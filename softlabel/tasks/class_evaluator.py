"""Evaluation over classes: every score, and what a report draws, from sums over batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

from torch import Tensor

from softlabel.calibration.ece import ExpectedCalibrationError
from softlabel.metrics.confusion import Confusion
from softlabel.metrics.groups import class_groups
from softlabel.metrics.per_class import PerClass
from softlabel.statistic import Statistic, StreamingStatistic, Tally
from softlabel.tasks.evaluator import StreamingEvaluator, finite

MOST_CLASSES_FOR_CONFUSION = 100


class HasTruth(Protocol):
    """The part of a task that evaluation needs."""

    class_names: list[str]

    def truth(self, annotation: Tensor) -> Tensor:
        """What scores compare with."""


class ClassEvaluator(StreamingEvaluator):
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
        self._task = task
        self._class_counts = class_counts
        self._groups = groups
        num_classes = len(task.class_names)
        tallies: list[Tally] = [PerClass(num_classes)]
        if num_classes <= MOST_CLASSES_FOR_CONFUSION:
            tallies.append(Confusion(num_classes))
        super().__init__(statistics, tallies, task.truth, keep_rows=keep_rows)

    def reliability(self) -> list[dict[str, float | int | None]]:
        """The non-empty bins of the reliability diagram: low, high, count, confidence, accuracy."""
        ece, sums = next(
            (score.statistic, score.sums)
            for score in self._scores
            if isinstance(score, StreamingStatistic) and type(score.statistic) is ExpectedCalibrationError
        )
        return [b.to_json() for b in ece.reliability(sums) if b.count > 0]

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
                    "accuracy": finite(row.accuracy),
                    "mean_confidence": finite(row.mean_confidence),
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
