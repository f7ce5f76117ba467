"""Evaluation on a label axis: every score, how often intervals hold the value, and the error along the axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from softlabel.metrics.decoding import Decoding
from softlabel.metrics.error_by_value import ErrorByValue
from softlabel.statistic import Statistic
from softlabel.tasks.evaluator import StreamingEvaluator


class ValueEvaluator(StreamingEvaluator):
    """Adds up batches of logits over a grid (N, K) and annotations (N, 2) of value and sigma."""

    def __init__(
        self,
        statistics: Sequence[Statistic],
        grid: Tensor,
        decoding: Decoding,
        class_counts: Tensor,
        *,
        keep_rows: bool = False,
    ) -> None:
        self._class_counts = class_counts
        super().__init__(statistics, [ErrorByValue(grid, decoding)], lambda annotation: annotation, keep_rows=keep_rows)

    def reliability(self) -> list[dict[str, float | int | None]]:
        """Empty: there is no class to be confident of."""
        return []

    def details(self) -> dict[str, Any]:
        """Rows and errors for every value that occurs, as JSON."""
        sums = self._tally(ErrorByValue)
        return {
            "by_value": [
                {
                    "value": row.value,
                    "training_count": float(self._class_counts[index]),
                    "test_count": row.count,
                    "error": row.mean_error,
                    "absolute_error": row.mean_absolute_error,
                }
                for index, row in _indexed(sums)
            ]
        }


def _indexed(sums: Any) -> list[tuple[int, Any]]:
    places = {value: index for index, value in enumerate(sums.tally.grid.tolist())}
    return [(places[row.value], row) for row in sums.tally.table(sums.sums)]
