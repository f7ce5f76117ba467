"""Finds a source by module name: a new kind of source is one new file in `sources/` with a function `read`."""

from __future__ import annotations

import importlib
import importlib.util
import os
import pkgutil

from softlabel.data.config import Columns, DataConfig, SettledData
from softlabel.data.source import Source
from softlabel.errors import ConfigError
from softlabel.text.words import nearest


def list_sources() -> list[str]:
    """The kinds of sources, sorted. Imports none of them."""
    spec = importlib.util.find_spec("softlabel.data.sources")
    return sorted(module.name for module in pkgutil.iter_modules(spec.submodule_search_locations if spec else None))


def open_source(config: DataConfig, columns: Columns | None = None) -> Source:
    """Read and check the source that the configuration names.

    columns   of a table, where a model was trained on it before: they are picked by name

    Raises ConfigError for an unknown kind of source or options that do not fit, DataError for data that cannot be used.
    """
    kind, _, argument = config.source.partition(":")
    kinds = list_sources()
    if kind not in kinds:
        near = nearest(kind, kinds)
        hint = f"did you mean {near!r}?" if near else "the sources are " + ", ".join(kinds)
        raise ConfigError(f"unknown source {config.source!r}: {hint}")
    module = importlib.import_module(f"softlabel.data.sources.{kind}")
    settled = config if columns is None else SettledData.of(config, columns)
    source: Source = module.read(settled, os.path.expanduser(argument))
    return source
