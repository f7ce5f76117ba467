"""The other processes of a run: started by the first one, watched by it, and gone with it."""

from __future__ import annotations

import _thread
import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from softlabel.bounded_files import append_line
from softlabel.errors import FailedRunError, RunError
from softlabel.isolation import child_environment, child_path

WATCH_SECONDS = 0.1
SETTLE_SECONDS = 1.0
"""Between the first end of a process and the verdict: the others soon fail too, for want of it."""
LEAVE_SECONDS = 5.0
"""How long the first process may take to notice by itself; then it is interrupted, and the others are ended."""
LAST_RESORT_SECONDS = 15.0
"""How long it may hang after that, in a call that no signal ends."""
STOPS = (signal.SIGINT, signal.SIGTERM)
START = "import sys; sys.path[:] = sys.argv.pop(1).split({sep!r}); from softlabel.training.worker import run; run()"


class Workers:
    """Processes of rank 1 and up, each running `softlabel.training.worker` on the same run folder.

    They find the others through `port`. Each reads from a pipe into which nobody writes, so that it notices the end of
    the first process, whatever it waits for; a thread of the first process notices theirs. When one fails, the others
    are ended, which ends what the first process waits for, and leaving the `with` block says who failed and why.
    """

    def __init__(self, folder: Path, processes: int) -> None:
        self.port = free_port() if processes > 1 else 0
        self._folder = folder
        self._workers = [_Worker(folder, rank, processes, self.port) for rank in range(1, processes)]
        self._left = threading.Event()
        self._lock = threading.Lock()
        self._failed: _Worker | None = None
        self._interrupted = False
        self._signals = _Signals()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def refuse_failed(self) -> None:
        """Raise FailedRunError when a process has ended; for the time in which none may."""
        if any(worker.ended for worker in self._workers):
            self._failed = self._failed or self._first_to_fail()
            raise RuntimeError("a process is missing")

    def __enter__(self) -> Self:
        if self._workers:
            self._signals.open()
            self._thread.start()
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._lock:
            self._left.set()
        if self._thread.is_alive():
            self._thread.join()
        self._signals.close()
        try:
            failed = self._blamed(error)
        finally:
            for worker in self._workers:
                worker.end(at_once=error is not None)
        if failed is not None:
            self._log(failed)
            raise FailedRunError(failed.complaint()) from error

    def _blamed(self, error: BaseException | None) -> _Worker | None:
        """The process whose end explains an error of the first one."""
        if isinstance(error, KeyboardInterrupt):
            return self._failed if self._interrupted else None
        if not self._workers or not isinstance(error, RuntimeError | OSError) or isinstance(error, FailedRunError):
            return None
        deadline = time.monotonic() + LEAVE_SECONDS
        while self._failed is None and time.monotonic() < deadline:
            if any(worker.ended for worker in self._workers):
                self._failed = self._first_to_fail()
            time.sleep(WATCH_SECONDS)
        return self._failed

    def _watch(self) -> None:
        """End the others when one fails, and when the first process was told to stop but cannot hear it."""
        while not self._left.wait(WATCH_SECONDS):
            if any(worker.failed for worker in self._workers):
                self._failed = self._failed or self._first_to_fail()
                self._end_all(f"{self._failed.complaint()}\n", 1)
            elif stop := self._signals.arrived():
                self._end_all("", 128 + stop)

    def _end_all(self, words: str, code: int) -> None:
        """Whatever the first process waits for ends with the others; where even that does not help, it ends at once."""
        if self._left.wait(LEAVE_SECONDS if not words else SETTLE_SECONDS):
            return
        for worker in self._workers:
            worker.kill()
        if words and not self._left.wait(LEAVE_SECONDS):
            with self._lock:
                self._interrupted = not self._left.is_set()
                if self._interrupted:
                    _thread.interrupt_main()
        if not self._left.wait(LAST_RESORT_SECONDS):
            sys.stderr.write(words)
            sys.stderr.flush()
            os._exit(code)

    def _first_to_fail(self) -> _Worker:
        """Who failed, and not for want of another: a process that was killed, or one that says something else."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline and not all(worker.ended for worker in self._workers):
            time.sleep(WATCH_SECONDS)
        return min((worker for worker in self._workers if worker.ended), key=_Worker.innocence)

    def _log(self, failed: _Worker) -> None:
        with contextlib.suppress(OSError, RunError):
            append_line(self._folder / "log.txt", failed.said().rstrip("\n"))


class _Worker:
    """One process, and what it says."""

    def __init__(self, folder: Path, rank: int, processes: int, port: int) -> None:
        self._name = f"process {rank} of {processes}"
        self._killed = False
        self._said = ""
        self._output = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 (open as long as the worker lives)
        code = START.format(sep=os.pathsep)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", code, os.pathsep.join(child_path()), str(folder), str(rank), str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._output,
            env=child_environment(),
            process_group=0,  # Ctrl-C is for the first process, which ends the others
        )

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    @property
    def failed(self) -> bool:
        return not self._killed and self._process.poll() not in (None, 0)

    def innocence(self) -> int:
        """Low for a process that failed of itself."""
        if self._process.returncode < 0:
            return 0 if not self._killed else 3
        return 2 if "onnection closed by peer" in self.said() or "onnection reset" in self.said() else 1

    def complaint(self) -> str:
        """Who ended how, and the last line of what it said."""
        lines = [line for line in self.said().splitlines() if line.strip()]
        last = f": {lines[-1].strip()}" if lines and self._process.returncode >= 0 else ""
        return f"{self._name} {ending(self._process.returncode)}{last}"

    def said(self) -> str:
        """All that it said."""
        if not self._output.closed:
            self._output.seek(0)
            self._said = self._output.read()
        return self._said

    def kill(self) -> None:
        """End it at once; it writes nothing."""
        if not self.ended:
            self._killed = True
            self._process.kill()

    def end(self, *, at_once: bool) -> None:
        """Wait for its end, for a while."""
        if at_once:
            self.kill()
        with contextlib.suppress(OSError), self._process:
            try:
                self._process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.kill()
        self.said()
        self._output.close()


class _Signals:
    """Notices Ctrl-C and SIGTERM while the main thread is in a call that does not return."""

    def __init__(self) -> None:
        self._reader = self._writer = -1

    def open(self) -> None:
        """Begin to notice; in the main thread, and where nobody else does, as there is one place to do it."""
        if threading.current_thread() is not threading.main_thread():
            return
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        before = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        if before != -1:
            signal.set_wakeup_fd(before)

    def arrived(self) -> int:
        """The number of the first signal to stop; 0 for none."""
        if self._reader == -1 or not select.select([self._reader], [], [], 0)[0]:
            return 0
        with contextlib.suppress(OSError):
            return next((number for number in os.read(self._reader, 64) if number in STOPS), 0)
        return 0

    def close(self) -> None:
        if self._writer == -1:
            return
        if (now := signal.set_wakeup_fd(-1)) != self._writer:
            signal.set_wakeup_fd(now)
        for end in (self._reader, self._writer):
            os.close(end)
        self._reader = self._writer = -1


def ending(code: int | None) -> str:
    """How a process ended, from its exit code as multiprocessing and subprocess give it."""
    if code is None or code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"was killed ({name})" + (
        ", perhaps because the machine ran out of memory" if code == -signal.SIGKILL else ""
    )


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
