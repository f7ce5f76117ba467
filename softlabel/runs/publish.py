"""New files and folders get their names at the end, and never in the place of one that has come there meanwhile."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from softlabel.errors import RunError
from softlabel.runs.atomic import make_folder, sync_folder
from softlabel.runs.partial import partial_file, partial_folder, remove_leftovers

NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS, errno.EXDEV, errno.EINVAL}


@contextmanager
def new_file(path: Path, *, binary: bool = False, overwrite: bool = False) -> Iterator[IO[Any]]:
    """A stream into a file that gets its name, flushed to the disk, at the end of the block; whole or not at all.

    Raises RunError where there is something of that name by then, and it was not offered for overwriting.
    """
    remove_leftovers(path.parent)
    text = {} if binary else {"encoding": "utf-8", "newline": ""}
    with partial_file(path, "xb" if binary else "x", **text) as stream:
        yield stream
        stream.flush()
        os.fsync(stream.fileno())
        give_name(Path(stream.name), path, overwrite=overwrite)
    sync_folder(path.parent)


@contextmanager
def new_path(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A path for a library that writes a file or a folder by itself; it gets the name at the end of the block.

    A folder that is there already is filled, its files as `new_file` would.
    """
    there = path.is_dir()  # perhaps on another disk than the folder above it
    path = Path(os.path.abspath(path))
    remove_leftovers(path if there else path.parent)
    with partial_folder(path / path.name if there else path) as folder:
        inside = folder / path.name
        yield inside
        sync_tree(inside)
        if inside.is_dir() and path.is_dir() and (there or overwrite):
            _fill(inside, path, overwrite=overwrite)
        elif inside.is_dir():
            _give_name_to_folder(inside, path)
        else:
            give_name(inside, path, overwrite=overwrite)
    sync_folder(path.parent)


def give_name(partial: Path, path: Path, *, overwrite: bool = False) -> None:
    """Let a whole file have its name. Raises RunError where something has it that was not offered."""
    if overwrite:
        os.replace(partial, path)
        return
    try:
        os.link(partial, path)
    except FileExistsError:
        raise RunError(_taken(path)) from None
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        _claim(path)
        os.replace(partial, path)


def sync_tree(path: Path) -> None:
    """Flush a file, or all that is in a folder, to the disk."""
    if path.is_dir():
        for inside in path.iterdir():
            sync_tree(inside)
    sync_folder(path)


def _claim(path: Path) -> None:
    """Take a name on a file system without hard links."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except FileExistsError:
        raise RunError(_taken(path)) from None


def _give_name_to_folder(partial: Path, path: Path) -> None:
    try:
        os.rename(partial, path)  # over nothing but an empty folder
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
            raise RunError(_taken(path)) from None
        raise


def _fill(inside: Path, path: Path, *, overwrite: bool) -> None:
    files = sorted(file.relative_to(inside) for file in inside.rglob("*") if file.is_file())
    for file in files:
        make_folder((path / file).parent)
        give_name(inside / file, path / file, overwrite=overwrite)
    for folder in {(path / file).parent for file in files}:
        sync_folder(folder)


def _taken(path: Path) -> str:
    return f"{path} was not there before and is now; it stays as it is: name another place"
