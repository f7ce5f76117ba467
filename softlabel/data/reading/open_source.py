"""Finds a source by name: a new kind is one file in `data/sources/` with a function `read`, or a package brings it."""

from __future__ import annotations

import os

from softlabel.data.config import Columns, DataConfig, SettledData
from softlabel.data.source import Source
from softlabel.discovery import find, find_all
from softlabel.errors import ConfigError

FOLDER = "softlabel.data.sources"
GROUP = "softlabel.sources"
"""The entry points by which other packages bring sources."""


def list_sources() -> list[str]:
    """The kinds of sources, sorted. Imports none of them."""
    return list(find_all(FOLDER, GROUP))


def describe_source(kind: str) -> str:
    """What the source's module says of itself. Raises ConfigError for one of another package that cannot be read."""
    return find(FOLDER, GROUP, "source", kind).docstring()


def open_source(config: DataConfig, columns: Columns | None = None) -> Source:
    """Read and check the source that the configuration names.

    columns   of a table, where a model was trained on it before: they are picked by name

    Raises ConfigError for an unknown kind of source or options that do not fit, DataError for data that cannot be used.
    """
    kind, _, argument = config.source.partition(":")
    found = find(FOLDER, GROUP, "source", kind, config.source)
    read = getattr(found.load(), "read", None)
    if read is None:
        raise ConfigError(f"source {kind!r}: {found.module} has no function read(config, argument)")
    settled = config if columns is None else SettledData.of(config, columns)
    source: Source = read(settled, os.path.expanduser(argument))
    return source
