"""The test samples whose predicted distributions are the least decided."""

from __future__ import annotations

import base64
import io
from typing import Any

import torch
from torch import Tensor

from softlabel.data.samples import Samples
from softlabel.tasks.task import Task

MOST_CLASSES_SHOWN = 5


class MostAmbiguous:
    """Keeps the rows with the highest entropy of all that pass by, and nothing else."""

    def __init__(self, count: int, temperature: float) -> None:
        self._count = count
        self._temperature = temperature
        self._rows = torch.zeros(0, dtype=torch.int64)
        self._entropy = torch.zeros(0)
        self._probabilities = torch.zeros(0, 0)

    def watch(self, rows: Tensor, logits: Tensor) -> None:
        """See a chunk: rows (n,), logits (n, K) before temperature."""
        log_probabilities = (logits.float() / self._temperature).log_softmax(-1)
        probabilities = log_probabilities.exp()
        entropy = -(probabilities * log_probabilities.clamp_min(torch.finfo(torch.float32).min)).sum(-1)
        rows = torch.cat([self._rows, rows])
        entropy = torch.cat([self._entropy, entropy])
        probabilities = torch.cat([self._probabilities.view(-1, logits.shape[-1]), probabilities])
        best = entropy.argsort(descending=True, stable=True)[: self._count]
        self._rows, self._entropy, self._probabilities = rows[best], entropy[best], probabilities[best]

    def to_json(self, samples: Samples, task: Task) -> list[dict[str, Any]]:
        """The rows with their images, truths and the largest of their probabilities, most ambiguous first."""
        if not len(self._rows):
            return []
        inputs = samples.read(self._rows)
        truths = task.describe(samples.annotation[self._rows])
        return [
            {
                "sample_id": int(samples.sample_id[row]),
                "image": data_uri(inputs[place]) if samples.input_kind == "image" else None,
                "truth": truths[place],
                "probabilities": _largest(self._probabilities[place], task.class_names),
                "entropy": float(self._entropy[place]),
            }
            for place, row in enumerate(self._rows.tolist())
        ]


def data_uri(pixels: Tensor) -> str:
    """A uint8 image (1 or 3, H, W) as a PNG inside a text."""
    from PIL import Image

    array = pixels[0].numpy() if pixels.shape[0] == 1 else pixels.permute(1, 2, 0).contiguous().numpy()
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _largest(probabilities: Tensor, class_names: list[str]) -> dict[str, float]:
    values, indices = probabilities.topk(min(MOST_CLASSES_SHOWN, len(probabilities)))
    return {class_names[index]: value for value, index in zip(values.tolist(), indices.tolist(), strict=True)}
