"""A file that a person names: as `bounded_files` reads it, but links are followed, and it may be a pipe."""

from __future__ import annotations

import os
import select
import stat
import time
from pathlib import Path

from softlabel.bounded_files import read_bytes
from softlabel.errors import RunError

PIPE_SECONDS = 10.0
"""For the whole content of a pipe: a writer that is not there, or does not end, is not waited for for ever."""
PART = 2**16


def read_given(path: Path, most: int) -> bytes:
    """A regular file or a pipe of at most `most` bytes, such as the shell makes of `<(command)`.

    Raises FileNotFoundError where there is none, RunError for anything else, a longer one, or a pipe that nobody ends.
    """
    if not _is_pipe(path):
        return read_bytes(path, most, links=True)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}") from None
    try:
        return _whole(handle, path, most)
    finally:
        os.close(handle)


def _is_pipe(path: Path) -> bool:
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)
    except OSError:
        return False


def _whole(handle: int, path: Path, most: int) -> bytes:
    content, end = b"", time.monotonic() + PIPE_SECONDS
    while len(content) <= most:
        part = _present(handle)
        if part:
            content += part
        elif part is not None and content:
            return content  # who wrote it has left
        elif not _more_comes(handle, path, end):
            return content
    raise RunError(f"{path} is a pipe with more than the {most:,} bytes that are read of such a file")


def _present(handle: int) -> bytes | None:
    """What lies in a pipe now; b"" where nobody writes into it, None where somebody may still."""
    try:
        return os.read(handle, PART)
    except BlockingIOError:
        return None


def _more_comes(handle: int, path: Path, end: float) -> bool:
    """Wait until something comes (True), or the writer leaves. Raises RunError where neither happens in time."""
    poller = select.poll()
    poller.register(handle, select.POLLIN)
    events = poller.poll(max(0.0, end - time.monotonic()) * 1000)
    if not events:
        raise RunError(f"{path} is a pipe that was not written to its end within {PIPE_SECONDS:g} seconds")
    return bool(events[0][1] & select.POLLIN)
