"""What --out names: a place where nothing is yet, unless it was offered for overwriting."""

from __future__ import annotations

import os
from pathlib import Path

from softlabel.errors import ConfigError
from softlabel.runs.partial import remove_leftovers


def refuse_existing(path: Path, overwrite: bool) -> None:
    """Raises ConfigError when something is there and was not offered for overwriting, or when its folder is missing.

    A link that leads nowhere is something. Only files are overwritten: no device, and no pipe.
    """
    if path.is_dir():
        raise ConfigError(f"--out {path} is a folder; name a file")
    if path.exists() and not path.is_file():
        raise ConfigError(f"--out {path} is a device or a pipe; name a file, or leave out --out")
    if os.path.lexists(path) and not overwrite:
        raise ConfigError(f"--out {path} exists already; name another file, or pass --overwrite")
    _refuse_no_folder(path)


def refuse_folder(path: Path, overwrite: bool) -> None:
    """Raises ConfigError when a folder has files already and was not offered for them, or when there is none for it."""
    if os.path.lexists(path) and not path.is_dir():
        raise ConfigError(f"--out {path} is no folder; masks need one")
    if path.is_dir():
        remove_leftovers(path)
        if any(path.iterdir()) and not overwrite:
            raise ConfigError(f"--out {path} has files already; name another folder, or pass --overwrite")
    _refuse_no_folder(path)


def _refuse_no_folder(path: Path) -> None:
    if not path.parent.is_dir():
        raise ConfigError(f"--out {path}: there is no folder {path.parent}")
