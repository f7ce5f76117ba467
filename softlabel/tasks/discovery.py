"""Finds tasks by name: a new one is one new file in `softlabel/tasks`, such as `multi_label.py` for 'multi-label'.

What tasks share lies beside them, so a module is a task where a class of it has the module's own name.
"""

from __future__ import annotations

import importlib
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import softlabel.tasks

if TYPE_CHECKING:  # importing a task imports torch, and names are asked for without it
    from softlabel.data.annotation import AnnotationKind
    from softlabel.tasks.task import Task


@cache
def task_names() -> tuple[str, ...]:
    """The names of all tasks, sorted. Imports none of them."""
    files = [file for folder in softlabel.tasks.__path__ for file in Path(folder).glob("*.py")]
    return tuple(sorted(_name(file.stem) for file in files if _is_task(file)))


@cache
def find_task(name: str) -> type[Task]:
    """The task of this name. Raises KeyError where there is none."""
    if name not in task_names():
        raise KeyError(name)
    module = importlib.import_module(f"softlabel.tasks.{name.replace('-', '_')}")
    task: type[Task]
    (task,) = (
        member for member in vars(module).values() if isinstance(member, type) and vars(member).get("name") == name
    )
    return task


def tasks_for(kind: AnnotationKind) -> list[str]:
    """The names of the tasks that take this kind of annotation, sorted."""
    return [name for name in task_names() if find_task(name).annotation_kind is kind]


def _name(module: str) -> str:
    return module.replace("_", "-")


def _is_task(file: Path) -> bool:
    own = rf'^    name(: ClassVar\[str\])? = "{_name(file.stem)}"$'
    return re.search(own, file.read_text(encoding="utf-8"), re.MULTILINE) is not None


if TYPE_CHECKING:
    TaskName = str
else:  # what can be chosen is known when the program starts, and a type checker does not need to know it
    TaskName = Literal[("auto", *task_names())]
"""The name of a task, or 'auto': the one that the annotation asks for."""
