"""Faults of the program: the traceback of each is kept once, and of a few only."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
import tempfile
import traceback
from pathlib import Path

from softlabel.version import __version__

KEPT = 5
_ENDING = ".log"


def write_fault_log(error: BaseException) -> Path | None:
    """Keep a traceback under a name that the same fault always has; None where no file can be written.

    The logs lie in a folder of the user's own below the temporary one; the oldest go.
    """
    try:
        folder = _own_folder()
        path = folder / f"{fault_name(error)}{_ENDING}"
        lines = "".join(traceback.format_exception(error))
        path.write_text(f"softlabel {__version__}\n{sys.argv}\n\n{lines}", encoding="utf-8", errors="backslashreplace")
        _drop_old(folder)
    except OSError:
        return None
    return path


def fault_name(error: BaseException) -> str:
    """Equal for faults of one kind that come up in one place, whatever the data were."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{Path(frame.filename).name}:{frame.name}:{frame.lineno}" for frame in frames]
    return hashlib.sha256("\n".join([type(error).__name__, *places]).encode()).hexdigest()[:12]


def _own_folder() -> Path:
    """Below a folder that everybody may write to: ours, and nobody's link."""
    folder = Path(tempfile.gettempdir()) / f"softlabel-faults-{os.getuid()}"
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise PermissionError(f"{folder} belongs to somebody else")
    return folder


def _drop_old(folder: Path) -> None:
    logs = sorted(folder.glob(f"*{_ENDING}"), key=lambda log: log.stat().st_mtime, reverse=True)
    for log in logs[KEPT:]:
        log.unlink(missing_ok=True)
