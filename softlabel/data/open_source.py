"""Finds a source by module name: a new kind of source is one new file in `sources/` with a function `read`."""

from __future__ import annotations

import difflib
import importlib
import os
import pkgutil

import softlabel.data.sources
from softlabel.data.config import Columns, DataConfig, SettledData
from softlabel.data.source import Source
from softlabel.errors import ConfigError


def list_sources() -> list[str]:
    """The kinds of sources, sorted. Imports none of them."""
    return sorted(module.name for module in pkgutil.iter_modules(softlabel.data.sources.__path__))


def open_source(config: DataConfig, columns: Columns | None = None) -> Source:
    """Read and check the source that the configuration names.

    columns   of a table, where a model was trained on it before: they are picked by name

    Raises ConfigError for an unknown kind of source or options that do not fit, DataError for data that cannot be used.
    """
    kind, _, argument = config.source.partition(":")
    kinds = list_sources()
    if kind not in kinds:
        near = difflib.get_close_matches(kind, kinds, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "the sources are " + ", ".join(kinds)
        raise ConfigError(f"unknown source {config.source!r}: {hint}")
    module = importlib.import_module(f"softlabel.data.sources.{kind}")
    settled = config if columns is None else SettledData.of(config, columns)
    source: Source = module.read(settled, os.path.expanduser(argument))
    return source
