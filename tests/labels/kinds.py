"""Every label kind found, with a label of it to try: a new kind is found by itself and only needs its example.

A kind is a module of softlabel.labels with a function of its own name; its example is the function `example` of
tests/labels/test_<kind>.py: (batch shape, number of classes) -> (label, the same written out in float64).
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

import softlabel.labels
from softlabel.labels import LabelDistribution

Example = Callable[[tuple[int, ...], int], tuple[LabelDistribution, NDArray[np.float64]]]


def discovered_kinds() -> list[str]:
    modules = (module.name for module in pkgutil.iter_modules(softlabel.labels.__path__))
    return [
        name for name in modules if callable(getattr(importlib.import_module(f"softlabel.labels.{name}"), name, None))
    ]


def example_of(kind: str) -> Example:
    return importlib.import_module(f"tests.labels.test_{kind}").example
