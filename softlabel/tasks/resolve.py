"""Which task fits an annotation, and how a saved model gets its task back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from softlabel.data.annotation import AnnotationKind
from softlabel.errors import ConfigError
from softlabel.tasks.config import AxisConfig
from softlabel.tasks.discovery import find_task, tasks_for
from softlabel.tasks.task import Task


def task_for(name: str, kind: AnnotationKind, class_names: Sequence[str], annotation: Tensor, axis: AxisConfig) -> Task:
    """The task of this name, or, for 'auto', the one that the annotation asks for.

    Raises ConfigError when the source's annotation cannot feed the task, when 'auto' could be several, or when the
    label axis does not fit it.
    """
    fitting = tasks_for(kind)
    name = _only(fitting, kind) if name == "auto" else name
    if name not in fitting:
        use = " or ".join(map(repr, [*fitting, "auto"] if len(fitting) == 1 else fitting)) or "another source"
        raise ConfigError(f"task {name!r} does not fit this source, which has {kind.given}: use {use}")
    return find_task(name).for_source(class_names, annotation, axis)


def task_from_json(saved: Mapping[str, Any]) -> Task:
    """The task that `to_json` described."""
    return find_task(saved["name"]).from_json(saved)


def _only(fitting: Sequence[str], kind: AnnotationKind) -> str:
    if len(fitting) == 1:
        return fitting[0]
    several = f"the tasks {' and '.join(fitting)} take: choose one with --task" if fitting else "no task takes"
    raise ConfigError(f"task: this source has {kind.given}, which {several}")
