"""Finds methods by module name: a new method is one new file in this folder."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
from typing import TYPE_CHECKING

from softlabel.errors import ConfigError
from softlabel.text.words import nearest

if TYPE_CHECKING:  # importing a method imports torch, and names are asked for without it
    from softlabel.methods.base.method import Method


def method_names() -> list[str]:
    """The names of all methods, sorted. Imports none of them."""
    spec = importlib.util.find_spec("softlabel.methods")
    places = spec.submodule_search_locations if spec else None
    return sorted(module.name for module in pkgutil.iter_modules(places) if not module.ispkg)


def find_method(name: str) -> type[Method]:
    """The one method that a module defines. Raises ConfigError with the nearest name when there is no such module."""
    names = method_names()
    if name not in names:
        near = nearest(name, names)
        hint = f"did you mean {near!r}?" if near else "the methods are " + ", ".join(names)
        raise ConfigError(f"unknown method {name!r}: {hint}")
    from softlabel.methods.base.method import Method

    module = importlib.import_module(f"softlabel.methods.{name}")
    (method,) = [
        m
        for _, m in inspect.getmembers(module, inspect.isclass)
        if m.__module__ == module.__name__ and issubclass(m, Method)
    ]
    return method


def summary(name: str) -> str:
    """The first line of the method's module docstring: what it is and where it comes from."""
    module = importlib.import_module(f"softlabel.methods.{name}")
    return (module.__doc__ or "").strip().splitlines()[0]
