"""The other processes of a run: started by the first one, and gone with it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import softlabel

LAST_LINES = 12


class Workers:
    """Processes of rank 1 and up, each running `python -m softlabel.training.worker` on the same run folder.

    They find the others through `port`. Each reads from a pipe into which nobody writes, so that it notices the end of
    the first process, whatever it waits for.
    """

    def __init__(self, folder: Path, processes: int) -> None:
        self.port = free_port() if processes > 1 else 0
        self._output = tempfile.TemporaryFile("w+")  # noqa: SIM115 (open as long as the workers live)
        place = os.pathsep.join([str(Path(softlabel.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
        self._started = [
            subprocess.Popen(
                [sys.executable, "-m", "softlabel.training.worker", str(folder), str(rank), str(self.port)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._output,
                env={**os.environ, "PYTHONPATH": place},
            )
            for rank in range(1, processes)
        ]

    def complaint(self) -> str | None:
        """The last lines of what a failed worker said; None when none has failed."""
        for worker in self._started:
            try:
                failed = worker.wait(timeout=5) != 0
            except subprocess.TimeoutExpired:
                continue
            if failed:
                self._output.seek(0)
                return "\n".join(self._output.read().splitlines()[-LAST_LINES:])
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: TracebackType | None) -> None:
        for worker in self._started:
            if error is not None:
                worker.kill()  # it writes nothing
            with worker:
                try:
                    worker.wait(timeout=30)
                except subprocess.TimeoutExpired:
                    worker.kill()
        self._output.close()


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
