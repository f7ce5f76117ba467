"""What a benchmark is: a module of this folder that names its rival."""

from __future__ import annotations

import ast
import importlib
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol, cast

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent
Json = dict[str, Any]


class Benchmark(Protocol):
    """The names that a module has. A module with Markdown tables for pages has `tables(measured)` besides."""

    RIVAL: str
    """What the numbers stand beside, at which setting."""
    PACKAGES: Sequence[str]
    """Distributions beyond softlabel's own that it needs; their versions are stored."""
    QUICK: Sequence[str] | None
    """Words that make it a smoke run; None where there is none."""

    def add_options(self, parser: ArgumentParser) -> None:
        """Add the options of this benchmark alone."""

    def measure(self, options: Namespace) -> Json:
        """All that is stored."""

    def told(self, measured: Json) -> str:
        """What was measured, as lines for people."""


@dataclass(frozen=True)
class Entry:
    """A benchmark as its source text describes it, before anything of it is imported."""

    name: str
    line: str
    rival: str
    packages: Sequence[str]


@cache
def entries() -> dict[str, Entry]:
    """All benchmarks by name."""
    found = (_entry(path) for path in sorted(FOLDER.glob("*.py")))
    return {entry.name: entry for entry in found if entry is not None}


def _entry(path: Path) -> Entry | None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    constants = {
        statement.targets[0].id: statement.value
        for statement in tree.body
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)
    }
    if "RIVAL" not in constants:
        return None
    first = (ast.get_docstring(tree) or "").partition("\n")[0]
    rival, packages = (ast.literal_eval(constants[name]) for name in ("RIVAL", "PACKAGES"))
    return Entry(path.stem, first, rival, packages)


def load(name: str) -> Benchmark:
    """Import a benchmark."""
    return cast(Benchmark, importlib.import_module(f"benchmarks.{name}"))
