"""What a report draws of a segmentation model: test images with answers, and how unsure it is near true borders."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from softlabel.data.masks import resized
from softlabel.data.samples import Samples
from softlabel.evaluation.extreme_rows import data_uri, png_uri
from softlabel.metrics.boundary import VOID, near_boundary
from softlabel.tasks.segmentation import BORDER, uncertainty

IMAGES = 3
LARGEST_SIDE = 192
"""Pictures are stored no larger, or results.json would grow with them."""

ZONES = ("near", "elsewhere")


class MaskSamples:
    """Keeps the answers to a few test images that pass by, and of all images only sums.

    The images are evenly spaced over the test rows: no answer has a say, so every model shows the same ones.
    """

    def __init__(self, samples: Samples, temperature: float) -> None:
        self._samples = samples
        self._temperature = temperature
        self._shown = evenly_spaced(len(samples))
        self._answers: dict[int, dict[str, Any]] = {}
        self._sums = torch.zeros(len(ZONES), 3, dtype=torch.float64)

    def watch(self, rows: Tensor, logits: Tensor) -> None:
        """See a chunk: rows (n,), logits (n, K, H, W) before temperature."""
        for row, scores in zip(rows.tolist(), logits, strict=True):  # one at a time: entropy is float64
            probabilities = (scores.float() / self._temperature).softmax(0)
            predicted, unsure = probabilities.argmax(0), uncertainty(probabilities[None])[0]
            sums = zone_sums(self._samples.annotation[row], predicted, unsure)
            self._sums += sums
            if row in self._shown:
                self._answers[row] = {
                    "sample_id": int(self._samples.sample_id[row]),
                    "prediction": _mask_uri(predicted.to(torch.uint8)),
                    "uncertainty": _uncertainty_uri(unsure),
                    "pixels": int(sums[:, 0].sum()),
                    "accuracy": _share(sums.sum(0), 1),
                    "borders": zones(sums),
                }

    def borders(self) -> dict[str, Any]:
        """Of all test images: pixels, accuracy and mean uncertainty near a true border and elsewhere."""
        return zones(self._sums)

    def to_json(self) -> dict[str, Any]:
        """The images with their true masks, and in the same order what was answered; pictures are PNG inside a text.

        images   image, and truth: grey values are classes, 255 is void
        answers  prediction as of truth; uncertainty from 0 to 255; numbers of this image alone
        """
        rows = torch.tensor(self._shown, dtype=torch.int64)
        masks = self._samples.annotation[rows]
        images = [
            {"sample_id": int(self._samples.sample_id[row]), "image": data_uri(pixels, LARGEST_SIDE), "truth": truth}
            for row, pixels, truth in zip(self._shown, self._samples.read(rows), map(_mask_uri, masks), strict=True)
        ]
        return {"images": images, "answers": [self._answers[row] for row in self._shown]}


def evenly_spaced(rows: int) -> list[int]:
    """At most IMAGES places among so many rows, each in the middle of its part."""
    count = min(IMAGES, rows)
    return [(2 * part + 1) * rows // (2 * count) for part in range(count)]


def zone_sums(truth: Tensor, predicted: Tensor, unsure: Tensor) -> Tensor:
    """Pixels, right ones and the sum of uncertainty, by zone, (2, 3) float64: near a true border, and elsewhere.

    Shapes: (H, W) each. Void lies in neither zone.
    """
    near = near_boundary(truth[None], BORDER)[0]
    right = predicted == truth
    return torch.stack(
        [
            torch.stack([zone.sum().double(), (zone & right).sum().double(), unsure[zone].sum()])
            for zone in (near, ~near & (truth != VOID))
        ]
    )


def zones(sums: Tensor) -> dict[str, Any]:
    """The sums of `zone_sums` as JSON; None for what no pixel says."""
    return {
        "distance": BORDER,
        **{
            name: {"pixels": int(own[0]), "accuracy": _share(own, 1), "uncertainty": _share(own, 2)}
            for name, own in zip(ZONES, sums, strict=True)
        },
    }


def _share(sums: Tensor, place: int) -> float | None:
    return float(sums[place] / sums[0]) if sums[0] else None


def _mask_uri(mask: Tensor) -> str:
    """A mask (H, W) uint8 whose grey values are classes."""
    height, width = _drawn_size(mask)
    return png_uri(Image.fromarray(resized(mask.numpy(), height, width)))


def _uncertainty_uri(unsure: Tensor) -> str:
    height, width = _drawn_size(unsure)
    grey = Image.fromarray((unsure * 255).round().clamp(0, 255).numpy().astype(np.uint8))
    return png_uri(grey.resize((width, height), Image.Resampling.BOX))


def _drawn_size(pixels: Tensor) -> tuple[int, int]:
    """Height and width of a picture of (H, W) pixels: its own, unless a side is too long."""
    height, width = pixels.shape
    scale = min(1.0, LARGEST_SIDE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))
