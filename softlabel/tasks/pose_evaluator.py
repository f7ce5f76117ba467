"""Evaluation on a grid of two angles: every score, and the error in each cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from softlabel.metrics.error_by_cell import ErrorByCell
from softlabel.metrics.pose import PoseDecoding, PoseGrid
from softlabel.statistic import Statistic
from softlabel.tasks.evaluator import StreamingEvaluator


class PoseEvaluator(StreamingEvaluator):
    """Adds up batches of logits over cells (N, A * B) and annotations (N, 2) of pitch and yaw."""

    def __init__(
        self,
        statistics: Sequence[Statistic],
        grid: PoseGrid,
        decoding: PoseDecoding,
        class_counts: Tensor,
        *,
        keep_rows: bool = False,
    ) -> None:
        self._class_counts = class_counts
        super().__init__(statistics, [ErrorByCell(grid, decoding)], lambda annotation: annotation, keep_rows=keep_rows)

    def reliability(self) -> list[dict[str, float | int | None]]:
        """Empty: there is no class to be confident of."""
        return []

    def details(self) -> dict[str, Any]:
        """Rows and errors of every cell that test rows have, as JSON."""
        sums = self._tally(ErrorByCell)
        return {
            "by_cell": [
                {
                    "pitch": row.pitch,
                    "yaw": row.yaw,
                    "training_count": float(self._class_counts[row.cell]),
                    "test_count": row.count,
                    "pitch_error": row.pitch_error,
                    "yaw_error": row.yaw_error,
                    "absolute_error": row.error,
                }
                for row in sums.tally.table(sums.sums)
            ]
        }
