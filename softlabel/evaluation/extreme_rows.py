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
from softlabel.tasks.ordinal import Ordinal
from softlabel.tasks.pose import Pose
from softlabel.tasks.task import Task

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_CLASSES_SHOWN = 5
MOST_SHARES = 100
"""Of a distribution along a label axis; labels of a finer axis are pooled."""

MOST_SIDE = 15
"""Shares of each angle of a grid; cells of a finer one are pooled."""

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
        places = _places(task, annotation, self._probabilities, target(annotation))
        return [
            {
                "sample_id": int(samples.sample_id[row]),
                "image": data_uri(inputs[place]) if samples.input_kind == "image" else None,
                "truth": truths[place],
                "probabilities": _largest(self._probabilities[place], task.class_names),
                self._name: float(self._measured[place]),
                **({} if places is None else places[place]),
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


def _places(
    task: Task, annotation: Tensor, probabilities: Tensor, label: LabelDistribution | None
) -> list[dict[str, Any]] | None:
    """Each row's truth, answer and distribution on the task's axis or grid; None where classes have no order."""
    if isinstance(task, Ordinal):
        return [{"axis": stored} for stored in on_axis(task, annotation, probabilities, label)]
    if isinstance(task, Pose):
        return [{"grid": stored} for stored in on_grid(task, annotation, probabilities)]
    return None


def on_axis(
    task: Ordinal, annotation: Tensor, probabilities: Tensor, label: LabelDistribution | None = None
) -> list[dict[str, Any]]:
    """Each row's truth and answer, and its distribution along the label axis as at most MOST_SHARES short numbers.

    shares   probability of every `pooled` neighbouring labels, of fewer at the upper end, in ten-thousandths; a text,
             as a list would take a line for each number
    label    the same of the label that such a row is trained on, where it is known
    """
    pooled = -(-probabilities.shape[-1] // MOST_SHARES)
    shares = _along(probabilities, pooled)
    labels = [{}] * len(shares) if label is None else [{"label": row} for row in _along(label.dense(), pooled)]
    return [
        {
            "truth": float(value),
            "shares": row,
            **trained_on,
            "pooled": pooled,
            **{name: answer[name] for name in task.answer_fields},
            "said": ", ".join(task.tell(answer)),
        }
        for value, row, trained_on, answer in zip(
            annotation[:, 0], shares, labels, task.answer(probabilities), strict=True
        )
    ]


def _along(distributions: Tensor, pooled: int) -> list[str]:
    parts = [part.sum(-1) for part in torch.split(distributions.double(), pooled, -1)]
    return [" ".join(f"{10_000 * share:.0f}" for share in row) for row in torch.stack(parts, -1).tolist()]


def on_grid(task: Pose, annotation: Tensor, probabilities: Tensor) -> list[dict[str, Any]]:
    """Each row's true angles and answer, and its distribution as at most MOST_SIDE by MOST_SIDE short numbers.

    shares   as of `on_axis`, of squares of `pooled` by `pooled` cells, yaw running fastest
    """
    sides = [len(grid) for grid in task.grids]
    pooled = -(-max(sides) // MOST_SIDE)
    cells = probabilities.double().view(-1, *sides)
    for angle in (1, 2):
        cells = torch.stack([part.sum(angle) for part in torch.split(cells, pooled, angle)], angle)
    return [
        {
            "true_pitch": pitch,
            "true_yaw": yaw,
            "shares": " ".join(f"{10_000 * share:.0f}" for share in row),
            "pooled": pooled,
            **{name: answer[name] for name in task.answer_fields},
            "said": ", ".join(task.tell(answer)),
        }
        for (pitch, yaw), row, answer in zip(
            annotation.tolist(), cells.flatten(1).tolist(), task.answer(probabilities), strict=True
        )
    ]


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
