"""The cells of a comparison (method × seed), run in as many worker processes as pay off."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import traceback
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import connection, forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from softlabel.bounded_files import append_line, count_lines
from softlabel.errors import SoftlabelError
from softlabel.isolation import IsolatedChildren
from softlabel.runs.checkpoint import drop_checkpoints
from softlabel.runs.run_folder import read_json
from softlabel.training.config import RunConfig
from softlabel.training.shared_stages import SharedStages
from softlabel.training.workers import ending

POLL_SECONDS = 0.25
PRELOADED = ["lightning_fabric", "torch.utils.tensorboard", "sklearn.datasets", "softlabel.training.train"]


@dataclass(frozen=True)
class Cell:
    """One training of a comparison, and where its run folder is.

    shared         of each stage that another run has too, its key; None for the others
    given_epochs   epochs of such stages that an earlier run trains
    """

    method: str
    seed: int
    config: RunConfig
    folder: Path
    shared: tuple[str | None, ...] = ()
    given_epochs: int = 0

    @property
    def name(self) -> str:
        return f"{self.method}-seed{self.seed}"

    @property
    def finished(self) -> bool:
        return (self.folder / "result.json").exists()

    def result(self) -> dict[str, Any]:
        """What the finished run stored. Raises RunError, naming the file, when it is damaged."""
        stored: dict[str, Any] = read_json(self.folder / "result.json")
        return stored

    def drop_checkpoints(self) -> None:
        """Free the disk of what only an unfinished run needs; files that are not ours stay."""
        if self.finished:
            drop_checkpoints(self.folder)

    @property
    def shared_folder(self) -> Path:
        """Where the ends of shared stages are kept, for all runs of the comparison."""
        return self.folder.parent / "shared-stages"

    @property
    def features_folder(self) -> Path:
        """Where what a frozen part makes of the samples is kept, for all runs of the comparison."""
        return self.folder.parent / "features"

    @property
    def comparison(self) -> Path:
        """The folder in which the comparison's data are recorded."""
        return self.folder.parent.parent

    def waits_for(self, running: Sequence[Cell]) -> bool:
        """Whether one of the runs at work is just training a stage that this one needs."""
        open_ = set(SharedStages(self.shared_folder, self.shared).missing())
        return any(open_ & set(other.shared) for other in running)

    def epochs_done(self) -> int:
        """Epochs logged so far; reading it never slows the run."""
        return count_lines(self.folder / "metrics.jsonl")


@dataclass(frozen=True)
class Failure:
    """Why a cell has no result."""

    cell: Cell
    reason: str


def warm_up() -> None:
    """Begin to import what workers need, in a process of its own, while this one prepares the data."""
    if "forkserver" in multiprocessing.get_all_start_methods():
        multiprocessing.set_forkserver_preload(PRELOADED)
        with IsolatedChildren(), _without_ctrl_c():  # which would show the traceback of an import
            forkserver.ensure_running()


def wait_until_warm() -> None:
    """Return when a worker could begin at once."""
    process = _context().Process(target=_nothing)
    with IsolatedChildren(), _without_main_module():
        process.start()
    process.join()


def _nothing() -> None:
    pass


def _context() -> Any:
    methods = multiprocessing.get_all_start_methods()
    return multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")


@contextlib.contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """What is started inside ignores Ctrl-C: the signal goes to the whole group, and this process decides."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _without_main_module() -> Iterator[None]:
    """Processes started inside do not run the caller's script again: it may come from stdin, or lack a guard."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def run_cells(
    cells: Sequence[Cell], jobs: int, watch: Callable[[], None], failed: Callable[[Failure], None]
) -> list[Failure]:
    """Train every cell that has no result yet, each in a process of its own; a failing cell does not stop the others.

    `watch` is called a few times a second in this process (progress), `failed` once for each failure. When one is left
    by an exception, such as Ctrl-C, the processes are stopped; their folders go on from the last checkpoint next time.
    """
    waiting = [cell for cell in reversed(cells) if not cell.finished]
    threads = threads_of(jobs)
    running: list[_Worker] = []
    failures: list[Failure] = []
    try:
        while waiting or running:
            while len(running) < jobs and (cell := _next(waiting, [worker.cell for worker in running])):
                running.append(_Worker(cell, threads))
            connection.wait([worker.sentinel for worker in running], timeout=POLL_SECONDS)
            watch()
            ended = [worker for worker in running if not worker.alive]
            running = [worker for worker in running if worker.alive]
            news = [Failure(worker.cell, reason) for worker in ended if (reason := worker.reason()) is not None]
            failures += news
            for failure in news:
                failed(failure)
            for worker in ended:
                worker.cell.drop_checkpoints()
    finally:
        for worker in running:
            worker.stop()
    return failures


def threads_of(jobs: int) -> int:
    """With how many threads a run computes beside so many others."""
    return max(1, (os.cpu_count() or 1) // jobs)


def _next(waiting: list[Cell], running: Sequence[Cell]) -> Cell | None:
    """Take the next run that need not wait for another one's stage; the last of the list comes first."""
    for place in reversed(range(len(waiting))):
        if not waiting[place].waits_for(running):
            return waiting.pop(place)
    return None


class _Worker:
    """A process that trains one cell."""

    def __init__(self, cell: Cell, threads: int) -> None:
        context = _context()
        self.cell = cell
        self._reason, answer = context.Pipe(duplex=False)
        self._process: BaseProcess = context.Process(target=train_cell, args=(cell, threads, answer))
        with IsolatedChildren(), _without_main_module():
            self._process.start()
        answer.close()

    @property
    def sentinel(self) -> int:
        """Ready when the process has ended."""
        return self._process.sentinel

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    def reason(self) -> str | None:
        """Why the cell has no result, after the process has ended; None where it has one."""
        if self._reason.poll():
            try:
                return str(self._reason.recv_bytes().decode())
            except EOFError:  # ended without a word
                pass
        if self.cell.finished:
            return None
        return f"its process {ending(self._process.exitcode)}, without a result"

    def stop(self) -> None:
        """End the process at once; what it saved stays whole."""
        self._process.kill()
        self._process.join()


def train_cell(cell: Cell, threads: int, answer: connection.Connection) -> None:
    """Train one cell; answers with the reason when it failed in a way that a person can act on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import torch

    from softlabel.runs.trained_on import recorded_columns, refuse_changed_data
    from softlabel.tasks.prepared import prepare
    from softlabel.training.fingerprinted import fingerprint_for
    from softlabel.training.train import train

    torch.set_num_threads(threads)
    config = cell.config
    try:
        shared = SharedStages(cell.shared_folder, cell.shared)
        prepared = prepare(config.data, config.task, config.axis, recorded_columns(cell.comparison))
        refuse_changed_data(cell.comparison, fingerprint_for(prepared, [config]))
        resume, features = cell.folder.exists(), cell.features_folder
        train(config, folder=cell.folder, resume=resume, shared=shared, prepared=prepared, features=features)
    except SoftlabelError as error:
        answer.send_bytes(str(error).encode())
    except Exception as error:  # whatever it is, the other cells go on
        answer.send_bytes(f"{type(error).__name__}: {error}".removesuffix(": ").encode())
        with contextlib.suppress(OSError, SoftlabelError):
            append_line(cell.folder / "log.txt", traceback.format_exc())


def _end_with_parent() -> None:
    """A comparison that was killed leaves no process behind."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
