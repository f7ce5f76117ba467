"""What every evaluator does, scores as sums over batches and what each row added, and the evaluator of classes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from softlabel.calibration.ece import ExpectedCalibrationError
from softlabel.metrics.answered import Answered
from softlabel.metrics.confusion import Confusion
from softlabel.metrics.groups import class_groups
from softlabel.metrics.per_class import PerClass
from softlabel.metrics.ranking import stream
from softlabel.statistic import Contribution, Statistic, StreamingStatistic, StreamingTally, Tally
from softlabel.tasks.link import Link, log_probabilities

Groups = Literal["counts", "thirds"]

MOST_CLASSES_FOR_CONFUSION = 100
MOST_CELLS_KEPT = 100_000
"""Of a score whose rows add to a cell of every class: beyond, resampling would cost more than its interval is worth."""


class Evaluator:
    """Base of all evaluators: adds up batches of logits and annotations; memory O(cells), or O(rows) with `keep_rows`.

    statistics  the scores, in the order in which they are shown; the first is the primary one
    tallies     what is added up besides the scores
    truth       what scores compare with, from an annotation
    link        how logits become probabilities
    """

    def __init__(
        self,
        statistics: Sequence[Statistic],
        tallies: Sequence[Tally],
        truth: Callable[[Tensor], Tensor],
        *,
        link: Link = "softmax",
        keep_rows: bool = False,
    ) -> None:
        self._link = link
        self.statistics = tuple(statistics)
        self._truth = truth
        self._scores = [stream(statistic) for statistic in statistics]
        self._tallies = [StreamingTally(tally) for tally in tallies]
        self._rows: dict[str, list[Contribution]] | None = {} if keep_rows else None

    def update(self, logits: Tensor, annotation: Tensor) -> None:
        """Add a batch: logits (N, K), annotation as the task's data have it."""
        logs = log_probabilities(logits.float(), self._link)
        truth = self._truth(annotation)
        for added in (*self._scores, *self._tallies):
            added.update(logs, truth)
        if self._rows is not None:
            self._keep(self._rows, logs, truth)

    def alone(self, name: str, *, keep_rows: bool = False) -> Evaluator:
        """A new evaluator of one of these scores alone, which reads annotations as this one does."""
        found = [statistic for statistic in self.statistics if statistic.name == name]
        return Evaluator(found, [], self._truth, link=self._link, keep_rows=keep_rows)

    def scores(self) -> dict[str, float | None]:
        """Every score by name; None where it is undefined (an empty group)."""
        return {score.statistic.name: finite(score.compute()) for score in self._scores}

    def reliability(self) -> list[dict[str, float | int | None]]:
        """The non-empty bins of the reliability diagram: low, high, count, confidence, accuracy.

        Empty where no one class is answered, of which to be confident.
        """
        return []

    def details(self) -> dict[str, Any]:
        """What a report draws besides, as JSON: tables by class, by value or by cell."""
        return {}

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

    def _sums_of(self, kind: type[Statistic]) -> tuple[Any, Tensor]:
        """The first score of a kind, and its sums."""
        return next(
            (score.statistic, score.sums)
            for score in self._scores
            if isinstance(score, StreamingStatistic) and type(score.statistic) is kind
        )

    def _tally(self, kind: type[Tally]) -> Any:
        return next((sums for sums in self._tallies if type(sums.tally) is kind), None)


class ClassEvaluator(Evaluator):
    """Adds up what a report draws of classes too; memory O(classes + bins), or O(rows) with `keep_rows`."""

    def __init__(
        self,
        statistics: Sequence[Statistic],
        class_names: Sequence[str],
        truth: Callable[[Tensor], Tensor],
        class_counts: Tensor,
        groups: Groups,
        *,
        keep_rows: bool = False,
    ) -> None:
        self._class_names = class_names
        self._class_counts = class_counts
        self._groups = groups
        num_classes = len(class_names)
        tallies: list[Tally] = [PerClass(num_classes), Answered(num_classes)]
        if num_classes <= MOST_CLASSES_FOR_CONFUSION:
            tallies.append(Confusion(num_classes))
        super().__init__(statistics, tallies, truth, keep_rows=keep_rows)

    def reliability(self) -> list[dict[str, float | int | None]]:
        ece, sums = self._sums_of(ExpectedCalibrationError)
        return [b.to_json() for b in ece.reliability(sums) if b.count > 0]

    def details(self) -> dict[str, Any]:
        """Per-class table, groups, and confusion (None with many classes), as JSON."""
        per_class = self._tally(PerClass)
        confusion = self._tally(Confusion)
        rows = per_class.tally.table(per_class.sums)
        answered = self._tally(Answered)
        precision = [share for _, share in answered.tally.table(answered.sums)]
        return {
            "per_class": [
                {
                    "class": self._class_names[row.index],
                    "training_count": float(self._class_counts[row.index]),
                    "test_count": row.count,
                    "accuracy": finite(row.accuracy),
                    "mean_confidence": finite(row.mean_confidence),
                    "precision": precision[row.index],
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


def _too_many(parts: Sequence[Contribution]) -> bool:
    several_cells_a_row = bool(parts) and parts[0].cell.dim() > 1
    return several_cells_a_row and sum(part.cell.numel() for part in parts) > MOST_CELLS_KEPT


def finite(value: float) -> float | None:
    """The value, or None where it is not a number."""
    return value if math.isfinite(value) else None
