"""What can be asked for by name: the modules of a folder of ours, and what installed packages bring as entry points.

A package brings one by an entry point in its own pyproject.toml, whose name is the word that people will write:

    [project.entry-points."softlabel.methods"]
    my_method = "my_package.my_method"
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import pkgutil
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from softlabel.errors import ConfigError
from softlabel.text.words import nearest

_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Found:
    """One thing by its name: the module that it is in, and the package that brings it where that is another one.

    fault   why it cannot be used; told when it is asked for, so that a package at fault stops nothing else
    """

    name: str
    module: str
    package: str | None = None
    fault: str | None = None

    def load(self) -> ModuleType:
        """The module. Raises ConfigError, naming the package that brings it, where it cannot be had."""
        if self.fault:
            raise ConfigError(self.fault)
        try:
            return importlib.import_module(self.module)
        except Exception as error:  # whatever another package's code does when it is imported
            if self.package is None:
                raise
            raise ConfigError(self._broken(error)) from error

    def docstring(self) -> str:
        """What the module says of itself, read and not imported; of a package's module the package above it is.

        Raises ConfigError, naming the package that brings it, where it cannot be read.
        """
        if self.fault:
            raise ConfigError(self.fault)
        try:
            spec = importlib.util.find_spec(self.module)
            if spec is None or spec.origin is None:
                raise ModuleNotFoundError(f"No module named {self.module!r}")
            return inspect.cleandoc(ast.get_docstring(ast.parse(Path(spec.origin).read_bytes())) or "")
        except Exception as error:  # as in `load`
            if self.package is None:
                raise
            raise ConfigError(self._broken(error)) from error

    def _broken(self, error: Exception) -> str:
        said = (str(error).splitlines() or [""])[0]
        return f"{self.name!r} of the package {self.package} cannot be loaded: {type(error).__name__}: {said}"


@cache
def find_all(folder: str, group: str) -> dict[str, Found]:
    """All that a folder (a package of ours, by its dotted name) and an entry point group hold, by name, sorted.

    Imports none of them. A name that is taken already, or that cannot be written as an option, comes with its fault.
    """
    spec = importlib.util.find_spec(folder)
    places = spec.submodule_search_locations if spec else None
    ours = {
        module.name: Found(module.name, f"{folder}.{module.name}")
        for module in pkgutil.iter_modules(places)
        if not module.ispkg
    }
    brought = sorted(entry_points(group=group), key=lambda entry: (entry.name, entry.value))
    often = Counter(entry.name for entry in brought)
    theirs = {entry.name: _brought(entry, ours, often[entry.name]) for entry in brought}
    return dict(sorted({**ours, **theirs}.items()))  # a name of ours that is brought as well comes with its fault


def find(folder: str, group: str, kind: str, name: str, shown: str | None = None) -> Found:
    """The one thing of this name. Raises ConfigError with the nearest name where there is none.

    kind    what it is called in messages: 'method', 'source'
    shown   what was written, where that is more than the name
    """
    known = find_all(folder, group)
    if name in known:
        return known[name]
    near = nearest(name, known)
    hint = f"did you mean {near!r}?" if near else f"the {kind}s are " + ", ".join(known)
    raise ConfigError(f"unknown {kind} {shown or name!r}: {hint}")


def _brought(entry: EntryPoint, ours: dict[str, Found], times: int) -> Found:
    package = entry.dist.name if entry.dist else "?"
    fault = None
    if not _NAME.fullmatch(entry.name):
        fault = f"the package {package} brings {entry.name!r}: a name is small letters, digits and underscores"
    elif entry.name in ours:
        fault = f"the package {package} brings {entry.name!r}, which softlabel has already: one of them has to go"
    elif times > 1:
        fault = f"{times} packages bring {entry.name!r}, {package} among them: all but one have to go"
    return Found(entry.name, entry.module, package, fault)
