"""From a configuration to what is trained on: source, task, splits, and the statistics that everything needs."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from softlabel.data.config import Columns, DataConfig
from softlabel.data.majority import annotated_as
from softlabel.data.reading.open_source import open_source
from softlabel.data.samples import Samples
from softlabel.data.source import Source
from softlabel.data.splitting.splits import Splits, make_splits
from softlabel.networks.inputs import InputSpec
from softlabel.tasks.config import AxisConfig
from softlabel.tasks.discovery import find_task
from softlabel.tasks.grid import coarse_axis
from softlabel.tasks.resolve import task_for
from softlabel.tasks.task import Task

MOST_ROWS_FOR_STATISTICS = 20_000
CHUNK = 1024
FEW_VALIDATION_ROWS = 50
"""Fewer are warned of: a share of right answers among them is known to 14 points either way at best."""


@dataclass(frozen=True)
class Prepared:
    """What was understood of the data, before anything is trained.

    class_counts   samples (or mass of votes) per class of the training part, float64 (K,)
    inputs         kind and shape of a sample; mean and standard deviation of the training part
    seconds        what reading and checking took
    """

    config: DataConfig
    source: Source
    task: Task
    splits: Splits
    class_counts: Tensor
    inputs: InputSpec
    seconds: float = 0.0

    @property
    def rows(self) -> dict[str, int]:
        """Rows of each split."""
        splits = self.splits
        parts = {"training": splits.training, "validation": splits.validation, "test": splits.test}
        return {name: 0 if samples is None else len(samples) for name, samples in parts.items()}

    @property
    def warnings(self) -> list[str]:
        """What may be a mistake in the data."""
        return [*self.source.warnings, *self.splits.warnings, *self._few_validation_rows()]

    def _few_validation_rows(self) -> list[str]:
        """That what is chosen and calibrated rests on few rows, where it does."""
        worth = self.effective_validation_size
        if worth is None or worth >= FEW_VALIDATION_ROWS:
            return []
        off, own = 100 * 1.96 * math.sqrt(0.25 / worth), self.rows["validation"]
        rows = f"{own:,} validation rows" + (f" (worth {worth:.0f})" if worth < own else "")
        return [
            f"{rows} choose epoch, model and temperature: a share of right answers may be off by {off:.0f} points "
            "there; more rows or a larger --validation-share make it surer"
        ]

    @property
    def effective_validation_size(self) -> float | None:
        """As many equally weighted rows would estimate as well as the validation part does.

        All of them, or, where every class counts alike, (sum w)^2 / sum w^2 for rows weighted by 1 / (rows of their
        class); None without a validation part.
        """
        if self.splits.validation is None:
            return None
        if not self.task.class_balanced:
            return float(len(self.splits.validation))
        counts = self.task.class_counts(self.splits.validation.annotation)
        counts = counts[counts > 0]
        return float(len(counts) ** 2 / (1 / counts).sum())

    def to_json(self) -> dict[str, Any]:
        """What reports say of the data."""
        return {
            "source": self.config.source,
            "description": self.source.description,
            "rows": self.rows,
            "input": {"kind": self.inputs.kind, "shape": list(self.inputs.shape)},
            "class_names": list(self.task.class_names),
            "training_counts": self.class_counts.tolist(),
            "test_hash": self.splits.test_hash,
            "data_hash": self.splits.fingerprint.data_hash,
            "protocol": self.config.protocol,
            "effective_validation_size": self.effective_validation_size,
            "groups": self.config.groups,
            "notes": [*self.warnings, *self.source.notes, *self.splits.notes],
        }


def prepare(
    config: DataConfig, task_name: str = "auto", axis: AxisConfig | None = None, columns: Columns | None = None
) -> Prepared:
    """Open the source, settle the task and make the splits; nothing is trained.

    columns   of a table, where a model was trained on it before: they are picked by name

    Raises DataError or ConfigError, naming file, row or option.
    """
    started = time.perf_counter()
    source = open_source(config, columns)
    if task_name != "auto":
        source = annotated_as(source, find_task(task_name).annotation_kind)
    annotation = source.samples.annotation
    task = task_for(task_name, source.annotation_kind, source.class_names, annotation, axis or AxisConfig())
    if source.annotation_kind.numbers and task.spreads and not (axis and axis.grid):
        for column, name in zip(annotation.T, source.class_names or ["values"], strict=False):
            source.warnings.extend(coarse_axis(column, name))
    if config.protocol == "hold-out" and config.validation_weights == "classes":
        task = task.by_classes()
    splits = make_splits(source, config, task.stratify)
    counts = task.class_counts(splits.training.annotation)
    inputs = dataclasses.replace(input_statistics(splits.training, source.feature_names), fit=source.fit)
    return Prepared(config, source, task, splits, counts, inputs, time.perf_counter() - started)


def _pixel_sums(pixels: Tensor) -> tuple[int, Tensor, Tensor]:
    """Count, sums and sums of squares of pixels / 255 by channel, of uint8 (N, C, H, W): exact, of whole numbers."""
    sums, squares = np.zeros(pixels.shape[1], np.int64), np.zeros(pixels.shape[1], np.int64)
    for image in pixels.flatten(2).numpy():
        wide = image.astype(np.uint16)  # which holds the square of 255
        sums += wide.sum(1, dtype=np.int64)
        squares += (wide * wide).sum(1, dtype=np.int64)
    return pixels[:, 0].numel(), torch.from_numpy(sums).double() / 255, torch.from_numpy(squares).double() / 255**2


def _feature_sums(features: Tensor) -> tuple[int, Tensor, Tensor]:
    values = features.double()
    return len(values), values.sum(0), values.square().sum(0)


def input_statistics(samples: Samples, names: Sequence[str] = ()) -> InputSpec:
    """Mean and standard deviation per channel (pixels / 255) or feature, of at most 20,000 evenly spaced samples."""
    rows = torch.arange(len(samples))
    rows = rows[:: -(-len(rows) // MOST_ROWS_FOR_STATISTICS)]
    image = samples.input_kind == "image"
    channels = samples.input_shape[0]
    count, sums, squares = 0, torch.zeros(channels, dtype=torch.float64), torch.zeros(channels, dtype=torch.float64)
    for some in torch.split(rows, CHUNK):
        added = _pixel_sums(samples.read(some)) if image else _feature_sums(samples.read(some))
        count, sums, squares = count + added[0], sums + added[1], squares + added[2]
    mean = sums / count
    # a constant channel has exactly 0; what rounding leaves of it must not be divided by
    variance = (squares / count - mean.square()).clamp_min(0)
    std = torch.where(variance > 1e-12 * (squares / count), variance.sqrt(), 0.0)
    return InputSpec(samples.input_kind, tuple(samples.input_shape), mean.tolist(), std.tolist(), list(names))
