"""One process at a time holds a run folder; a holder that died holds nothing."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from softlabel.bounded_files import parse_json
from softlabel.errors import RunError
from softlabel.runs.records import Holder

SIGNING_TRIES = 20
SIGNING_SECONDS = 0.02
PATIENCE = 10.0
"""Seconds that a short change waits for others of its kind; a training holds its folder for longer."""


class FolderLock:
    """A lock file with its holder's process number.

    The lock is the kernel's (flock), which ends with the process however it ends; what is in the file only serves to
    name the holder.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "lock"
        self._handle: int | None = None

    def acquire(self, patience: float = 0.0) -> None:
        """Take the lock, waiting for so many seconds. Raises RunError, naming the holder, when a living process has it.

        Raises OSError where the folder takes no file.
        """
        until = time.monotonic() + patience
        while self._handle is None:
            handle = self._open()
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() < until:
                    os.close(handle)
                    time.sleep(SIGNING_SECONDS)
                    continue
                holder = _read_holder(handle)
                os.close(handle)
                raise RunError(f"{self.path.parent} is in use by {holder}; wait for it, or stop it") from None
            except OSError:  # a file system without locks
                os.close(handle)
                raise
            if self._is_in_place(handle):
                self._handle = handle
            else:
                os.close(handle)  # the last holder removed the file between our opening and our locking it
        self._sign(self._handle)

    @contextmanager
    def held(self, patience: float = PATIENCE) -> Iterator[None]:
        """Hold the folder for a moment, to change a file that was read before."""
        self.acquire(patience)
        try:
            yield
        finally:
            self.release()

    def _open(self) -> int:
        if self.path.is_symlink() or (self.path.exists() and not self.path.is_file()):
            raise RunError(f"{self.path} is not a regular file, expected the lock of the folder")
        return os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)

    def _sign(self, handle: int) -> None:
        try:
            os.ftruncate(handle, 0)
            os.pwrite(handle, json.dumps(_this_process()).encode(), 0)
        except OSError as error:
            self.release()
            error.filename = str(self.path)
            raise

    def release(self) -> None:
        """Give the lock back and remove its file."""
        if self._handle is not None:
            handle, self._handle = self._handle, None
            try:
                self.path.unlink(missing_ok=True)
            finally:
                os.close(handle)

    def _is_in_place(self, handle: int) -> bool:
        try:
            return os.path.samestat(os.fstat(handle), os.stat(self.path))
        except FileNotFoundError:
            return False


def _this_process() -> dict[str, str | int]:
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}


def _read_holder(handle: int) -> str:
    for _ in range(SIGNING_TRIES):  # a holder signs right after it has got the lock
        try:
            holder = Holder.model_validate(parse_json(os.pread(handle, 4096, 0)))
            return f"process {holder.pid} on {holder.host} since {holder.since}"
        except (OSError, ValueError):
            time.sleep(SIGNING_SECONDS)
    return "another process"
