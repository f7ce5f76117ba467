"""What is being written beside its place: a name that no other writer has, held by a lock that ends with its writer."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar

NAME = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{16}\.partial", re.DOTALL)
TRIES = 100
LONGEST = 200
"""Bytes of a name that are kept, so that the longer one is a name as well."""


@contextlib.contextmanager
def partial_file(path: Path, mode: str = "xb", **options: Any) -> Iterator[IO[Any]]:
    """A new file beside `path`, to be given its name inside the block; gone after it where it was not."""
    try:
        file, partial = _held(path, lambda place: open(place, mode, **options), lambda file: int(file.fileno()))  # noqa: SIM115
        with file, _gone_after(partial):
            yield file
    except OSError as error:
        if error.errno and (error.filename is None or NAME.fullmatch(os.path.basename(str(error.filename)))):
            error.filename = str(path)  # a person knows the file by its own name
        raise


@contextlib.contextmanager
def _gone_after(partial: Path) -> Iterator[None]:
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


@contextlib.contextmanager
def partial_folder(path: Path) -> Iterator[Path]:
    """A new folder beside `path`; gone after the block with what is still in it."""
    folder, partial = _held(path, _Folder, lambda folder: folder.handle)
    try:
        yield partial
    finally:
        folder.close()
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


class _Folder:
    """A folder that is made and opened."""

    def __init__(self, path: Path) -> None:
        path.mkdir()
        self.handle = os.open(path, os.O_RDONLY)

    def close(self) -> None:
        os.close(self.handle)


class _Opened(Protocol):
    def close(self) -> object: ...


Made = TypeVar("Made", bound=_Opened)


def _held(path: Path, make: Callable[[Path], Made], handle_of: Callable[[Made], int]) -> tuple[Made, Path]:
    """What is made beside `path`, held by its lock, and where it is; made again where a sweep came between."""
    for _ in range(TRIES):
        partial = partial_path(path)
        made = make(partial)
        if _locked(handle_of(made)):
            return made, partial
        made.close()
    raise OSError(errno.EAGAIN, "another program removes the files that are being written", str(path))


def _locked(handle: int) -> bool:
    """Hold what was just made; False where a sweep took it for a leftover, and has removed it or is about to."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: nothing of it is swept either
        return True
    return os.fstat(handle).st_nlink > 0
