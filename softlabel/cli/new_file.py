"""Files that a person asks for: written whole or not at all, and never over one that is there already."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from softlabel.errors import ConfigError


def refuse_existing(path: Path, overwrite: bool) -> None:
    """Raises ConfigError when the file is there and was not offered for overwriting, or when its folder is missing."""
    if path.is_dir():
        raise ConfigError(f"--out {path} is a folder; name a file")
    if path.exists() and not overwrite:
        raise ConfigError(f"--out {path} exists already; name another file, or pass --overwrite")
    if not path.parent.is_dir():
        raise ConfigError(f"--out {path}: there is no folder {path.parent}")


def refuse_folder(path: Path, overwrite: bool) -> None:
    """Raises ConfigError when a folder has files already and was not offered for them, or when there is none for it."""
    if path.exists() and not path.is_dir():
        raise ConfigError(f"--out {path} is a file; masks need a folder")
    if path.is_dir() and any(path.iterdir()) and not overwrite:
        raise ConfigError(f"--out {path} has files already; name another folder, or pass --overwrite")
    if not path.parent.is_dir():
        raise ConfigError(f"--out {path}: there is no folder {path.parent}")


@contextmanager
def written_whole(path: Path, *, binary: bool = False) -> Iterator[IO[Any]]:
    """A stream into a file beside `path` that takes its name at the end; nothing is left when the block fails."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with open(partial, "wb") if binary else open(partial, "w", encoding="utf-8", newline="") as stream:
            yield stream
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
