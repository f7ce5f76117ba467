"""Evaluation of masks: every score over pixels, and what becomes of the pixels of each class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from softlabel.metrics.segmentation import (
    INTERSECTION,
    PREDICTED,
    TRUE,
    MeanIntersectionOverUnion,
    PixelCalibrationError,
)
from softlabel.statistic import Statistic, StreamingStatistic
from softlabel.tasks.evaluator import StreamingEvaluator, finite


class MaskEvaluator(StreamingEvaluator):
    """Adds up batches of logits (N, K, H, W) and masks (N, H, W); a row is an image."""

    def __init__(
        self,
        statistics: Sequence[Statistic],
        class_names: Sequence[str],
        class_counts: Tensor,
        *,
        keep_rows: bool = False,
    ) -> None:
        self._class_names = list(class_names)
        self._class_counts = class_counts
        super().__init__(statistics, [], lambda annotation: annotation, keep_rows=keep_rows)

    def reliability(self) -> list[dict[str, float | int | None]]:
        """The non-empty bins of the reliability diagram over pixels: low, high, count, confidence, accuracy."""
        ece, sums = self._sums_of(PixelCalibrationError)
        return [b.to_json() for b in ece.reliability(sums) if b.count > 0]

    def details(self) -> dict[str, Any]:
        """Pixels, intersection over union and share of pixels found of each class, as JSON."""
        iou, sums = self._sums_of(MeanIntersectionOverUnion)
        rows = zip(
            self._class_names, self._class_counts.tolist(), sums.tolist(), iou.per_class(sums).tolist(), strict=True
        )
        return {
            "by_pixel_class": [
                {
                    "class": name,
                    "training_pixels": trained,
                    "test_pixels": row[TRUE],
                    "predicted_pixels": row[PREDICTED],
                    "found": row[INTERSECTION] / row[TRUE] if row[TRUE] else None,
                    "iou": finite(overlap),
                }
                for name, trained, row, overlap in rows
            ]
        }

    def _sums_of(self, kind: type[Statistic]) -> tuple[Any, Tensor]:
        """The first score of a kind, and its sums."""
        return next(
            (score.statistic, score.sums)
            for score in self._scores
            if isinstance(score, StreamingStatistic) and type(score.statistic) is kind
        )
