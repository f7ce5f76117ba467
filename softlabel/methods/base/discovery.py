"""Finds methods by name: a new one is one new file in `softlabel/methods`, or one that another package brings."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from softlabel.discovery import Found, find, find_all
from softlabel.errors import ConfigError

if TYPE_CHECKING:  # importing a method imports torch, and names are asked for without it
    from softlabel.methods.base.method import Method

FOLDER = "softlabel.methods"
GROUP = "softlabel.methods"
"""The entry points by which other packages bring methods."""


def method_names() -> list[str]:
    """The names of all methods, sorted. Imports none of them."""
    return list(find_all(FOLDER, GROUP))


def find_method(name: str) -> type[Method]:
    """The one method that a module defines.

    Raises ConfigError with the nearest name when there is no such module, and where a package's cannot be used.
    """
    from softlabel.methods.base.method import Method

    found = _found(name)
    module = found.load()
    methods = [
        member
        for _, member in inspect.getmembers(module, inspect.isclass)
        if member.__module__ == module.__name__ and issubclass(member, Method)
    ]
    if len(methods) != 1:
        raise ConfigError(
            f"{name!r}{_of(found)}: {found.module} defines {len(methods)} methods, expected one class of Method"
        )
    return methods[0]


def summary(name: str) -> str:
    """The first line of the method's module docstring: what it is and where it comes from."""
    lines = (_found(name).load().__doc__ or "").strip().splitlines()
    return lines[0] if lines else ""


def _found(name: str) -> Found:
    return find(FOLDER, GROUP, "method", name)


def _of(found: Found) -> str:
    return f" of the package {found.package}" if found.package else ""
