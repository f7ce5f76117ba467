"""Files that are whole or absent: written beside their place, flushed to the disk, then renamed into it."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

from softlabel.errors import RunError
from softlabel.runs.partial import partial_file, remove_leftovers


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, that survive a power cut; one that exists stays as it is.

    Raises RunError where something else is in its place.
    """
    if path.is_dir():
        return
    make_folder(path.parent)
    try:
        path.mkdir(exist_ok=True)
    except FileExistsError:
        raise RunError(f"{path} is not a folder, expected one") from None
    sync_folder(path.parent)


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file by new content, or leave the old one as it was.

    Raises RunError where a folder is in its place, and OSError, naming the file, when the disk does not take it;
    nothing is left behind then.
    """
    if path.is_dir() and not path.is_symlink():
        raise RunError(f"{path} is a folder, expected a file")
    remove_leftovers(path.parent, path.name)
    with partial_file(path) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        os.replace(file.name, path)
    sync_folder(path.parent)


def write_text(path: Path, content: str) -> None:
    """`write_bytes` for text."""
    write_bytes(path, content.encode())


def write_json(path: Path, content: Any) -> None:
    """`write_bytes` for JSON; numbers that are not finite become null, as JSON has none."""
    write_text(path, to_json(content, indent=1) + "\n")


def to_json(content: Any, indent: int | None = None) -> str:
    """JSON text with null for NaN and infinity."""
    return json.dumps(finite(content), indent=indent, allow_nan=False, ensure_ascii=False)


def finite(content: Any) -> Any:
    """The same nested lists and dictionaries, with None for numbers that are not finite."""
    if isinstance(content, dict):
        return {key: finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [finite(value) for value in content]
    if isinstance(content, float) and not math.isfinite(content):
        return None
    return content


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
