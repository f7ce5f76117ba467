"""Evaluation of several labels a row: every score, and the average precision of each label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from softlabel.metrics.average_precision import MeanAveragePrecision
from softlabel.metrics.ranking import StreamingRanking
from softlabel.statistic import Statistic
from softlabel.tasks.evaluator import StreamingEvaluator, finite
from softlabel.tasks.link import Link


class LabelEvaluator(StreamingEvaluator):
    """Adds up batches of logits (N, K) and levels (N, K); mAP needs the order of all rows, so memory is O(N K)."""

    def __init__(
        self,
        statistics: Sequence[Statistic],
        class_names: Sequence[str],
        class_counts: Tensor,
        *,
        link: Link,
        keep_rows: bool = False,
    ) -> None:
        self._class_names = class_names
        self._class_counts = class_counts
        super().__init__(statistics, [], lambda annotation: annotation, link=link, keep_rows=keep_rows)

    def reliability(self) -> list[dict[str, float | int | None]]:
        """Empty: there is no one class to be confident of."""
        return []

    def details(self) -> dict[str, Any]:
        """For every label its positive rows, the rows where it is not difficult, and its average precision, as JSON."""
        (ranking,) = [score for score in self._scores if isinstance(score, StreamingRanking)]
        precision = ranking.statistic
        assert isinstance(precision, MeanAveragePrecision)
        rows = ranking.rows
        per_class = precision.per_class(rows, rows.new_ones(len(rows), 1))[:, 0]
        role = rows[:, precision.num_classes :]
        return {
            "by_label": [
                {
                    "class": name,
                    "training_count": float(self._class_counts[k]),
                    "test_count": int((role[:, k] > 0).sum()),
                    "counted": int((role[:, k] >= 0).sum()),
                    "average_precision": finite(float(per_class[k])),
                }
                for k, name in enumerate(self._class_names)
            ]
        }
