"""Files that are whole or absent: written beside their place, flushed to the disk, then renamed into it."""

from __future__ import annotations

import contextlib
import json
import math
import os
from pathlib import Path
from typing import Any


def write_bytes(path: Path, content: bytes, *, sync_folder: bool = True) -> None:
    """Replace a file by new content, or leave the old one as it was.

    `sync_folder=False` leaves it to a later write into the same folder to make the renaming survive a power cut.
    Raises OSError when the disk does not take it; nothing is left behind then.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        with open(partial, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
    if sync_folder:
        _sync_folder(path.parent)


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


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
