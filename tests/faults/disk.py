"""A disk that refuses, tears or dies at the n-th call that would change what is below one folder."""

from __future__ import annotations

import builtins
import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal
from unittest import mock

Fault = Literal["full", "read-only", "killed"]
ERRORS = {"full": errno.ENOSPC, "read-only": errno.EROFS}


class Killed(BaseException):
    """The process died; nothing that it does afterwards reaches the disk."""


class FailingDisk:
    """Fails one call (`full`; removing needs no room), that and every later one (`read-only`), or dies (`killed`).

    A write that fails has written half of its content. Calls on other folders, and those of TensorBoard, which nobody
    reads back, pass.
    """

    def __init__(self, root: Path, fault: Fault, at: int) -> None:
        self.calls = 0
        self._root = str(root)
        self._fault = fault
        self._at = at

    @property
    def failed(self) -> bool:
        """Whether there were enough calls for one to fail."""
        return self.calls >= self._at

    def check(self, path: object, torn: Callable[[], object] = lambda: None) -> None:
        """Count a call on this path, and fail when it is its turn, after doing what a torn call does."""
        if not str(path).startswith(self._root) or "tensorboard" in str(path):
            return
        self.calls += 1
        if self.calls == self._at:
            torn()
        if self.calls == self._at or (self.calls > self._at and self._fault != "full"):
            if self._fault == "killed":
                raise Killed
            raise OSError(ERRORS[self._fault], os.strerror(ERRORS[self._fault]), str(path))

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Stands between the program and the real disk."""
        real = {name: getattr(os, name) for name in ("open", "fsync", "replace", "mkdir", "unlink", "rmdir")}
        real_open = builtins.open

        def named(name: str) -> Callable[..., Any]:
            def call(path: Any, *arguments: Any, **options: Any) -> Any:
                if not (_only_reads(name, path, arguments) or (self._fault == "full" and name in ("unlink", "rmdir"))):
                    self.check(_name_of(path))
                return real[name](path, *arguments, **options)

            return call

        def opened(path: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
            if set(mode).isdisjoint("wax+"):
                return real_open(path, mode, *arguments, **options)
            place = _name_of(path)
            self.check(place)
            return _WatchedFile(real_open(path, mode, *arguments, **options), self, place)

        with contextlib.ExitStack() as patches:
            for name in real:
                patches.enter_context(mock.patch.object(os, name, named(name)))
            patches.enter_context(mock.patch.object(builtins, "open", opened))
            yield


class _WatchedFile:
    """A file opened for writing, each call of which may fail."""

    def __init__(self, file: Any, disk: FailingDisk, path: str) -> None:
        self._file = file
        self._disk = disk
        self._path = path

    def write(self, content: Any) -> int:
        self._disk.check(self._path, lambda: self._file.write(content[: len(content) // 2]))
        return int(self._file.write(content))

    def flush(self) -> None:
        self._disk.check(self._path)
        self._file.flush()

    def __enter__(self) -> _WatchedFile:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _only_reads(name: str, path: Any, arguments: tuple[Any, ...]) -> bool:
    """Whether a call opens a file that stays as it is."""
    return name == "open" and arguments[0] & os.O_ACCMODE == os.O_RDONLY and os.path.isfile(path)


def _name_of(path: Any) -> str:
    return os.readlink(f"/proc/self/fd/{path}") if isinstance(path, int) else str(path)
