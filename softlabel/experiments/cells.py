"""The cells of a comparison (method × seed), run in as many worker processes as pay off."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

from softlabel.errors import SoftlabelError
from softlabel.training.config import RunConfig

POLL_SECONDS = 0.25
PRELOADED = ["lightning_fabric", "torch.utils.tensorboard", "sklearn.datasets", "softlabel.training.train"]


@dataclass(frozen=True)
class Cell:
    """One training of a comparison, and where its run folder is."""

    method: str
    seed: int
    config: RunConfig
    folder: Path

    @property
    def name(self) -> str:
        return f"{self.method}-seed{self.seed}"

    @property
    def finished(self) -> bool:
        return (self.folder / "result.json").exists()

    def result(self) -> dict[str, Any]:
        """What the finished run stored."""
        stored: dict[str, Any] = json.loads((self.folder / "result.json").read_text(encoding="utf-8"))
        return stored

    def epochs_done(self) -> int:
        """Epochs logged so far; reading it never slows the run."""
        log = self.folder / "metrics.jsonl"
        return log.read_bytes().count(b"\n") if log.exists() else 0


@dataclass(frozen=True)
class Failure:
    """Why a cell has no result."""

    cell: Cell
    reason: str


def warm_up() -> None:
    """Begin to import what workers need, in a process of its own, while this one prepares the data."""
    if "forkserver" in multiprocessing.get_all_start_methods():
        multiprocessing.set_forkserver_preload(PRELOADED)
        forkserver.ensure_running()


def run_cells(cells: Sequence[Cell], jobs: int, watch: Callable[[], None]) -> list[Failure]:
    """Train every cell that has no result yet; a failing cell does not stop the others.

    `watch` is called a few times a second in this process, between and during runs (progress).
    """
    waiting = [cell for cell in cells if not cell.finished]
    if not waiting:
        return []
    failures: list[Failure] = []
    while waiting:
        lost = _run_pool(waiting, min(jobs, len(waiting)), watch, failures)
        failures += [Failure(cell, "the process that trained it was killed (out of memory?)") for cell in lost[:1]]
        waiting = [cell for cell in lost[1:] if not cell.finished]
    return failures


def _run_pool(cells: Sequence[Cell], jobs: int, watch: Callable[[], None], failures: list[Failure]) -> list[Cell]:
    """Run the cells; returns those that were lost because a worker process died, the one that was running first."""
    threads = max(1, (os.cpu_count() or 1) // jobs)
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    with ProcessPoolExecutor(jobs, context, initializer=_start_worker, initargs=(threads,)) as pool:
        futures = {pool.submit(_train_cell, cell.config, cell.folder): cell for cell in cells}
        try:
            return list(_gather(futures, watch, failures))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _gather(
    futures: dict[Future[str | None], Cell], watch: Callable[[], None], failures: list[Failure]
) -> Iterator[Cell]:
    pending = set(futures)
    while pending:
        done, pending = wait(pending, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
        watch()
        for future in done:
            try:
                reason = future.result()
            except BrokenProcessPool:
                yield futures[future]
                continue
            if reason is not None:
                failures.append(Failure(futures[future], reason))


def _start_worker(threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C reaches the whole group; checkpoints make that safe
    os.environ["OMP_NUM_THREADS"] = str(threads)
    import torch

    torch.set_num_threads(threads)


def _train_cell(config: RunConfig, folder: Path) -> str | None:
    """Train one cell; returns the reason when it failed in a way that a person can act on."""
    from softlabel.training.train import train

    try:
        train(config, folder=folder, resume=folder.exists())
    except SoftlabelError as error:
        return str(error)
    except (RuntimeError, ValueError, FloatingPointError) as error:
        return f"{type(error).__name__}: {error}"
    return None
