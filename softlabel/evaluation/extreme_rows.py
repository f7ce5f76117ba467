"""The test samples at the end of a scale: those that the model is most wrong about, and those it decides the least."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from softlabel.data.samples import Samples
from softlabel.labels import LabelDistribution
from softlabel.tasks.link import Link, log_probabilities
from softlabel.tasks.task import Task

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_CLASSES_SHOWN = 5
LARGEST_SIDE = 96
"""Images are stored no larger, or results.json would grow with them."""

Measure = Callable[[Tensor, Tensor], Tensor]
"""Row numbers (n,) and log-probabilities (n, K) after temperature -> a number per row (n,)."""


Target = Callable[[Tensor], LabelDistribution | None]
"""Annotations (n, ...) -> the labels (n, K) that such rows are trained on; see `Method.target`."""


def no_target(annotation: Tensor) -> None:
    """Nothing is known of the labels."""


class ExtremeRows:
    """Keeps the rows with the largest measure of all that pass by, and nothing else."""

    def __init__(self, name: str, measure: Measure, count: int, temperature: float, link: Link = "softmax") -> None:
        self._name = name
        self._measure = measure
        self._count = count
        self._temperature = temperature
        self._link = link
        self._rows = torch.zeros(0, dtype=torch.int64)
        self._measured = torch.zeros(0)
        self._probabilities = torch.zeros(0, 0)

    def watch(self, rows: Tensor, logits: Tensor) -> None:
        """See a chunk: rows (n,), logits (n, K) before temperature."""
        logs = log_probabilities(logits.float() / self._temperature, self._link)
        logs = logs.clamp_min(torch.finfo(torch.float32).min)
        measured = torch.cat([self._measured, self._measure(rows, logs)])
        rows = torch.cat([self._rows, rows])
        probabilities = torch.cat([self._probabilities.view(-1, logits.shape[-1]), logs.exp()])
        kept = measured.argsort(descending=True, stable=True)[: self._count]
        self._rows, self._measured, self._probabilities = rows[kept], measured[kept], probabilities[kept]

    def to_json(self, samples: Samples, task: Task, target: Target = no_target) -> list[dict[str, Any]]:
        """The rows with their images, truths and the largest of their probabilities, the largest measure first."""
        if not len(self._rows):
            return []
        inputs = samples.read(self._rows)
        annotation = samples.annotation[self._rows]
        truths = task.describe(annotation)
        along = task.along_axes(annotation, self._probabilities, target(annotation))
        return [
            {
                "sample_id": int(samples.sample_id[row]),
                "image": data_uri(inputs[place]) if samples.input_kind == "image" else None,
                "truth": truths[place],
                "probabilities": _largest(self._probabilities[place], task.class_names),
                self._name: float(self._measured[place]),
                **along[place],
            }
            for place, row in enumerate(self._rows.tolist())
        ]


def entropy(rows: Tensor, log_probabilities: Tensor) -> Tensor:
    """The entropy of each predicted distribution (n,), in nats."""
    return -(log_probabilities.exp() * log_probabilities).sum(-1)


def entropy_of_each(rows: Tensor, log_probabilities: Tensor) -> Tensor:
    """The sum over classes (n,) of the entropy of present or absent, in nats."""
    p = log_probabilities.double().exp()
    total: Tensor = (torch.special.entr(p) + torch.special.entr(1 - p)).sum(-1)
    return total.float()


def loss_against(truth: Tensor) -> Measure:
    """Cross-entropy of each row against its truth: class indices (N,), or distributions (N, K)."""

    def loss(rows: Tensor, log_probabilities: Tensor) -> Tensor:
        expected = truth[rows]
        if expected.ndim == 1:
            return -log_probabilities.gather(-1, expected[:, None])[:, 0]
        return -(expected * log_probabilities).sum(-1)

    return loss


def data_uri(pixels: Tensor, side: int = LARGEST_SIDE) -> str:
    """A uint8 image (1 or 3, H, W) as a PNG inside a text, made smaller where it has a side of more pixels."""
    from PIL.Image import fromarray

    array = pixels[0].numpy() if pixels.shape[0] == 1 else pixels.permute(1, 2, 0).contiguous().numpy()
    image = fromarray(array)
    image.thumbnail((side, side))
    return png_uri(image)


def png_uri(image: Image) -> str:
    """A picture as a PNG inside a text."""
    file = io.BytesIO()
    image.save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _largest(probabilities: Tensor, class_names: list[str]) -> dict[str, float]:
    values, indices = probabilities.topk(min(MOST_CLASSES_SHOWN, len(probabilities)))
    return {class_names[index]: value for value, index in zip(values.tolist(), indices.tolist(), strict=True)}
