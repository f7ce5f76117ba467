"""What every evaluator does: scores as sums over batches, and what each row added, where statistics need it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from softlabel.metrics.ranking import stream
from softlabel.statistic import Contribution, Statistic, StreamingTally, Tally
from softlabel.tasks.link import Link, log_probabilities

MOST_CELLS_KEPT = 100_000
"""Of a score whose rows add to a cell of every class: beyond, resampling would cost more than its interval is worth."""


class StreamingEvaluator:
    """Adds up batches of logits and annotations; memory O(cells), or O(rows) with `keep_rows`.

    tallies   what is added up besides the scores
    truth     what scores compare with, from an annotation
    link      how logits become probabilities
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

    def alone(self, name: str, *, keep_rows: bool = False) -> StreamingEvaluator:
        """A new evaluator of one of these scores alone, which reads annotations as this one does."""
        found = [statistic for statistic in self.statistics if statistic.name == name]
        return StreamingEvaluator(found, [], self._truth, link=self._link, keep_rows=keep_rows)

    def scores(self) -> dict[str, float | None]:
        """Every score by name; None where it is undefined (an empty group)."""
        return {score.statistic.name: finite(score.compute()) for score in self._scores}

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
        return next((sums for sums in self._tallies if type(sums.tally) is kind), None)


def _too_many(parts: Sequence[Contribution]) -> bool:
    several_cells_a_row = bool(parts) and parts[0].cell.dim() > 1
    return several_cells_a_row and sum(part.cell.numel() for part in parts) > MOST_CELLS_KEPT


def finite(value: float) -> float | None:
    """The value, or None where it is not a number."""
    return value if math.isfinite(value) else None
