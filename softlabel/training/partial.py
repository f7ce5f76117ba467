"""What is being written beside its place: a name that no other writer has, held by a lock that ends with its writer."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

NAME = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{16}\.partial", re.DOTALL)
LONGEST = 200
"""Bytes of a name that are kept, so that the longer one is a name as well."""


@contextlib.contextmanager
def partial_file(path: Path, mode: str = "xb", **options: Any) -> Iterator[IO[Any]]:
    """A new file beside `path`, to be given its name inside the block; gone after it where it was not."""
    partial = partial_path(path)
    try:
        with open(partial, mode, **options) as file:
            _lock(file.fileno())
            yield file
    except OSError as error:
        if error.errno and error.filename in (None, str(partial)):  # a person knows the file by its own name
            error.filename = str(path)
        raise
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


@contextlib.contextmanager
def partial_folder(path: Path) -> Iterator[Path]:
    """A new folder beside `path`; gone after the block with what is still in it."""
    partial = partial_path(path)
    partial.mkdir()
    handle = os.open(partial, os.O_RDONLY)
    try:
        _lock(handle)
        yield partial
    finally:
        os.close(handle)
        shutil.rmtree(partial, ignore_errors=True)


def partial_path(path: Path) -> Path:
    """A name beside a file that nobody else has."""
    return path.with_name(f".{_kept(path.name)}.{secrets.token_hex(8)}.partial")


def remove_leftovers(folder: Path, name: str | None = None) -> None:
    """Remove what writers that died have left in a folder: of one file, or of all.

    Only names that a writer of ours makes, and that no living writer holds; on a file system without locks none.
    """
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            match = NAME.fullmatch(entry.name)
            if match and (name is None or match["name"] == _kept(name)) and not entry.is_symlink():
                with contextlib.suppress(OSError):
                    _remove_dead(Path(entry.path))


def _kept(name: str) -> str:
    return os.fsdecode(os.fsencode(name)[:LONGEST])


def _remove_dead(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    finally:
        os.close(handle)


def _lock(handle: int) -> None:
    """Hold what was just made. A sweep that came between holds it for a moment, and has removed it then."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise OSError(errno.EAGAIN, "another program removed the file that was being written; try again") from error
    except OSError:  # a file system without locks: nothing of it is swept either
        return
    if os.fstat(handle).st_nlink == 0:
        raise OSError(errno.EAGAIN, "another program removed the file that was being written; try again")
