"""Every task found, with a small one to try: a new task is found by itself and only needs its example.

The example is the function `example` of tests/tasks/test_<task>.py, a task with as many labels as are asked for.
"""

from __future__ import annotations

import importlib

from softlabel.tasks.discovery import task_names
from softlabel.tasks.task import Task


def example_of(name: str, num_classes: int) -> Task:
    module = importlib.import_module(f"tests.tasks.test_{name.replace('-', '_')}")
    task: Task = module.example([f"class {k}" for k in range(num_classes)])
    return task


def examples(num_classes: int) -> dict[str, Task]:
    """A task of every name."""
    return {name: example_of(name, num_classes) for name in task_names()}
