"""A small real data set and configurations that train in a blink."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import one_hot

from softlabel.data.config import DataConfig
from softlabel.data.samples import Samples
from softlabel.errors import UnsupportedError
from softlabel.runs.checkpoint import CheckpointFolder
from softlabel.tasks.config import AxisConfig
from softlabel.tasks.multi_label import MultiLabel
from softlabel.tasks.ordinal import Ordinal
from softlabel.tasks.prepared import Prepared, prepare
from softlabel.training.build_method import build_method
from softlabel.training.config import RunConfig

ROWS = 90


@functools.cache
def tiny_prepared(protocol: str = "hold-out") -> Prepared:
    """Digits, of which every part is cut to 90 rows."""
    config = DataConfig.model_validate({"source": "digits", "protocol": protocol})
    prepared = prepare(config)
    splits = prepared.splits
    parts = {
        name: None if samples is None else samples.select(torch.arange(ROWS))
        for name, samples in (("training", splits.training), ("validation", splits.validation), ("test", splits.test))
    }
    splits = dataclasses.replace(splits, **parts)  # type: ignore[arg-type]
    counts = prepared.task.class_counts(splits.training.annotation)
    return dataclasses.replace(prepared, splits=splits, class_counts=counts)


@functools.cache
def tiny_values() -> Prepared:
    """The same digits as numbers to predict."""
    prepared, task = tiny_prepared(), Ordinal(torch.arange(10.0), AxisConfig())

    def valued(samples: Samples) -> Samples:
        value = samples.annotation.float()
        return samples.annotated(torch.stack([value, torch.full_like(value, torch.nan)], 1))

    splits = prepared.splits
    assert splits.validation is not None
    parts = {name: valued(getattr(splits, name)) for name in ("training", "validation", "test")}
    return dataclasses.replace(prepared, task=task, splits=dataclasses.replace(splits, **parts))


@functools.cache
def tiny_levels() -> Prepared:
    """The same digits with two labels each: their class is positive, the next one difficult, in every fifth nothing."""
    prepared = tiny_prepared()

    def levelled(samples: Samples) -> Samples:
        index = samples.annotation
        level = 2 * one_hot(index, 10) + one_hot((index + 1) % 10, 10)
        level[::5] = 0
        return samples.annotated(level.to(torch.uint8))

    splits = prepared.splits
    assert splits.validation is not None
    parts = {name: levelled(getattr(splits, name)) for name in ("training", "validation", "test")}
    task = MultiLabel(prepared.task.class_names)
    return dataclasses.replace(prepared, task=task, splits=dataclasses.replace(splits, **parts))


def tiny_for(config: RunConfig) -> Prepared:
    """The tiny data as a task that the configuration's method can be used with."""
    for tiny in (tiny_prepared, tiny_values):
        try:
            build_method(config, tiny())
        except UnsupportedError:
            continue
        return tiny()
    return tiny_levels()


def tiny_config(runs: Path | str = "runs", **training: Any) -> RunConfig:
    """Online label smoothing with an average of the weights: everything that a checkpoint can hold."""
    values: dict[str, Any] = {"epochs": 4, "batch_size": 32, "learning_rate": 0.05, "ema": 0.9, "clip_norm": 5.0}
    return RunConfig.model_validate(
        {"method": "online_label_smoothing", "training": {**values, **training}, "output": {"runs": str(runs)}}
    )


def fingerprint(folder: Path) -> dict[str, Any]:
    """Hashes of all that a run leaves behind, times left out."""
    checkpoints = CheckpointFolder(folder / "checkpoints")
    found: dict[str, Any] = {}
    for name in ("last", "best"):
        if name in checkpoints:
            checkpoint = checkpoints.load(name)
            for key, tensor in checkpoint.tensors.items():
                found[f"{name}.{key}"] = hashlib.sha256(tensor.contiguous().numpy().tobytes()).hexdigest()
            found[f"{name}.values"] = without_times(checkpoint.values)
    for file in sorted((folder / "model").glob("*.safetensors")) + sorted((folder / "evaluation").iterdir()):
        found[file.name] = hashlib.sha256(file.read_bytes()).hexdigest()
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    found["metrics.jsonl"] = [without_times(json.loads(line)) for line in lines]
    found["result.json"] = without_times(json.loads((folder / "result.json").read_text()))
    return found


def without_times(value: Any) -> Any:
    """The same JSON without entries that say how long something took."""
    if isinstance(value, dict):
        times = {"seconds", "total_seconds", "images_per_second"}
        return {key: without_times(item) for key, item in value.items() if key not in times}
    return [without_times(item) for item in value] if isinstance(value, list) else value
