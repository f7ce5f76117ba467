"""What a comparison or a run will take, tried out before it begins."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence

from softlabel.cli.time_left import Standing, TimeLeft
from softlabel.errors import SoftlabelError
from softlabel.experiments.cells import Cell, wait_until_warm
from softlabel.training.config import RunConfig
from softlabel.training.cost import Cost, measured_cost
from softlabel.training.prepare import Prepared


def tried(config: RunConfig, prepared: Prepared, threads: int | None = None) -> Cost | None:
    """What a run will cost; None where its first steps fail, which the run itself will then say."""
    try:
        return measured_cost(config, prepared, threads)
    except (SoftlabelError, RuntimeError, ValueError, FloatingPointError, OSError):
        return None


def time_left(
    cells: Sequence[Cell], prepared: Prepared, jobs: int, clock: Callable[[], float] = time.monotonic
) -> TimeLeft | None:
    """One trial for each method, when nothing else of ours is at work; None where one of them fails."""
    import lightning_fabric  # noqa: F401 (which takes long, at the same time as the workers import theirs)

    wait_until_warm()
    threads = max(1, (os.cpu_count() or 1) // jobs)
    costs: dict[str, Cost | None] = {}
    for cell in cells:
        if cell.method not in costs:
            costs[cell.method] = tried(cell.config, prepared, threads)
    known = [cost.without(cell.given_epochs) for cell in cells if (cost := costs[cell.method]) is not None]
    if len(known) < len(cells):
        return None
    return TimeLeft(known, standings(cells), jobs, clock)


def standings(cells: Sequence[Cell], failed: frozenset[str] | set[str] = frozenset()) -> list[Standing]:
    """How far each run is."""
    return [None if cell.finished or cell.name in failed else cell.epochs_done() for cell in cells]
