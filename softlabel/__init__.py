"""Label distributions for PyTorch: one idea for every soft label, and fair comparisons of the ways to make them."""

from __future__ import annotations

import sys

if sys.argv[:1] == ["-m"]:  # `python -m softlabel…`: Python has put the current folder first, and looks for the module
    from softlabel.isolation import leave_current_folder

    leave_current_folder()

import importlib
from typing import Any

from softlabel.version import __version__

_FOLDERS = ("labels", "losses", "calibration", "metrics", "networks", "data", "tasks", "methods")

_COMMANDS = ("train", "compare", "evaluate", "predict", "load", "review", "export")

__all__ = ["__version__", *_COMMANDS, *_FOLDERS]


def __getattr__(name: str) -> Any:
    if name in _FOLDERS:
        return importlib.import_module(f"softlabel.{name}")
    if name in _COMMANDS:
        return getattr(importlib.import_module("softlabel.cli.functions"), name)
    raise AttributeError(f"module 'softlabel' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
