"""Which task fits an annotation, and how a saved model gets its task back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from softlabel.errors import ConfigError
from softlabel.tasks.classification import Classification
from softlabel.tasks.config import AxisConfig
from softlabel.tasks.distribution import Distribution
from softlabel.tasks.multi_label import MultiLabel
from softlabel.tasks.ordinal import Ordinal
from softlabel.tasks.pose import Pose
from softlabel.tasks.segmentation import Segmentation
from softlabel.tasks.task import Task

_TASKS: dict[str, type[Task]] = {
    task.name: task for task in (Classification, Distribution, Ordinal, Pose, MultiLabel, Segmentation)
}
GIVEN = {
    "label": "one class label per row",
    "distribution": "votes or probabilities per row",
    "value": "a number per row",
    "values": "two numbers per row",
    "levels": "any number of labels per row",
    "mask": "a class per pixel",
}


def task_for(name: str, annotation_kind: str, class_names: Sequence[str], annotation: Tensor, axis: AxisConfig) -> Task:
    """The task of this name, or, for 'auto', the one that the annotation asks for.

    Raises ConfigError when the source's annotation cannot feed the task, or when the label axis does not fit it.
    """
    if name == "auto":
        (name,) = [task.name for task in _TASKS.values() if task.annotation_kind == annotation_kind]
    task = _TASKS[name]
    if task.annotation_kind != annotation_kind:
        fitting = [task.name for task in _TASKS.values() if task.annotation_kind == annotation_kind]
        raise ConfigError(
            f"task {name!r} does not fit this source, which has {GIVEN[annotation_kind]}: use {fitting[0]!r} or 'auto'"
        )
    return task.for_source(class_names, annotation, axis)


def task_from_json(saved: Mapping[str, Any]) -> Task:
    """The task that `to_json` described."""
    return _TASKS[saved["name"]].from_json(saved)
