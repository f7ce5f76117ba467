"""Segmentation: one class per pixel is true; a sample is an image with its mask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from softlabel.data.annotation import MASK
from softlabel.labels import LabelDistribution, hard, spatial
from softlabel.metrics.boundary import VOID
from softlabel.metrics.segmentation import (
    INTERSECTION,
    PREDICTED,
    TRUE,
    MeanIntersectionOverUnion,
    PixelAccuracy,
    PixelCalibrationError,
    PixelLikelihood,
)
from softlabel.statistic import Statistic
from softlabel.tasks.evaluator import Evaluator, Groups, finite
from softlabel.tasks.task import ForTemperature, Task

KERNEL, SIGMA = 5, 3.0
BORDER = 3
MOST_PIXELS_FOR_TEMPERATURE = 200_000


class Segmentation(Task):
    """The annotation is a mask, uint8 (N, H, W), 255 where it is void; logits are (N, K, H, W).

    The default label of a pixel is all of its class. A spread one is shared with the pixel's neighbours, so that only
    pixels near a border are soft.
    """

    name = "segmentation"
    annotation_kind = MASK
    spreads = True
    one_class = False
    per_pixel = True
    selects_calibrated = False
    selects = "highest"
    answer_fields: ClassVar[Mapping[str, type]] = {"uncertainty": float}

    def label(self, annotation: Tensor) -> LabelDistribution:
        return hard(annotation.long(), self.num_classes, ignore_index=VOID, validate=False)

    def spread_label(self, annotation: Tensor, sigma: float | None) -> LabelDistribution:
        """A Gaussian window of 5 x 5 pixels, `sigma` pixels wide (None: 3)."""
        sigma = SIGMA if sigma is None else sigma
        return spatial(annotation, self.num_classes, KERNEL, sigma, ignore_index=VOID, validate=False)

    def index(self, annotation: Tensor) -> Tensor:
        """The class of most pixels of each mask, the first where several have as many or all is void."""
        return self._count(annotation).argmax(1)

    def truth(self, annotation: Tensor) -> Tensor:
        return annotation

    def for_temperature(self, logits: Tensor, annotation: Tensor) -> ForTemperature:
        """At most 200,000 pixels with a class, evenly spaced over all images, and the image of each."""
        known = (annotation != VOID).flatten().nonzero()[:, 0]
        some = known[:: max(1, -(-len(known) // MOST_PIXELS_FOR_TEMPERATURE))]
        pixels = annotation[0].numel()
        image = some // pixels
        return logits.flatten(2)[image, :, some % pixels], annotation.flatten()[some].long(), image

    def class_counts(self, annotation: Tensor) -> Tensor:
        """Pixels per class."""
        return self._count(annotation).sum(0).double()

    def stratify(self, annotation: Tensor) -> np.ndarray[Any, Any]:
        """One stratum: an image has several classes."""
        return np.zeros(len(annotation), dtype=np.int64)

    def statistics(self, class_counts: Tensor, groups: Groups) -> tuple[Statistic, ...]:
        return (
            MeanIntersectionOverUnion(self.num_classes),
            PixelAccuracy(),
            MeanIntersectionOverUnion(self.num_classes, BORDER),
            PixelAccuracy(BORDER),
            PixelLikelihood(),
            PixelCalibrationError(),
        )

    def evaluator(self, class_counts: Tensor, groups: Groups, *, keep_rows: bool = False) -> MaskEvaluator:
        statistics = self.statistics(class_counts, groups)
        return MaskEvaluator(statistics, self.class_names, class_counts, keep_rows=keep_rows)

    def selection_score(self) -> str:
        return MeanIntersectionOverUnion.name

    @property
    def printed(self) -> str:
        return 'print({name: (p.argmax(0) == k).mean().item() for k, name in enumerate(said["class_names"])})'

    def answer(self, probabilities: Tensor) -> list[dict[str, Any]]:
        """The share of pixels that go to each class, and the mean uncertainty of pixels (see `uncertainty`)."""
        shares = self._count(probabilities.argmax(1)).double() / probabilities[0, 0].numel()
        return [
            {"uncertainty": unsure, "distribution": dict(zip(self.class_names, row, strict=True))}
            for unsure, row in zip(uncertainty(probabilities).mean((1, 2)).tolist(), shares.tolist(), strict=True)
        ]

    def tell(self, answer: Mapping[str, Any]) -> list[str]:
        """The three classes of most pixels, such as 'road 41 %'."""
        most = sorted(answer["distribution"].items(), key=lambda item: -item[1])[:3]
        return [f"{name} {100 * share:.0f} %" for name, share in most]

    def describe(self, annotation: Tensor) -> list[str]:
        return [f"mostly {self.class_names[index]}" for index in self.index(annotation).tolist()]

    def _count(self, masks: Tensor) -> Tensor:
        """Pixels of each class, (N, K) int64."""
        return torch.stack([torch.bincount(mask.flatten(), minlength=VOID + 1) for mask in masks])[
            :, : self.num_classes
        ]


class MaskEvaluator(Evaluator):
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


def uncertainty(probabilities: Tensor) -> Tensor:
    """Entropy of each pixel as a share of the largest possible: (N, K, H, W) -> (N, H, W), 0 sure to 1 undecided."""
    entropy: Tensor = torch.special.entr(probabilities.double()).sum(1)
    return entropy / max(float(np.log(probabilities.shape[1])), 1e-12)
