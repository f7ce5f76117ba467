"""What a comparison or a run will take, tried out before it begins."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from softlabel.cli.screens.time_left import Standing, TimeLeft
from softlabel.errors import SoftlabelError
from softlabel.experiments.cells import Cell, threads_of, wait_until_warm
from softlabel.methods.base.method import OF_EVERY_METHOD
from softlabel.tasks.prepared import Prepared
from softlabel.training.build_method import build_method
from softlabel.training.config import RunConfig
from softlabel.training.cost import Cost, measured_cost


def tried(
    config: RunConfig, prepared: Prepared, threads: int | None = None, features: Path | None = None
) -> Cost | None:
    """What a run will cost; None where its first steps fail, which the run itself will then say."""
    try:
        return measured_cost(config, prepared, threads, features)
    except (SoftlabelError, RuntimeError, ValueError, FloatingPointError, OSError):
        return None


def time_left(
    cells: Sequence[Cell], prepared: Prepared, jobs: int, clock: Callable[[], float] = time.monotonic
) -> TimeLeft | None:
    """One trial for each kind of run, when nothing else of ours is at work; None where one of them fails."""
    import lightning_fabric  # noqa: F401 (which takes long, at the same time as the workers import theirs)

    wait_until_warm()
    threads = threads_of(jobs)
    configs = {cell.method: cell.config for cell in cells}
    kinds = {method: kind_of_run(config, prepared) for method, config in configs.items()}
    costs: dict[str, Cost | None] = {}
    for cell in cells:
        if kinds[cell.method] not in costs:
            costs[kinds[cell.method]] = tried(cell.config, prepared, threads, cell.features_folder)
    known = [cost.without(cell.given_epochs) for cell in cells if (cost := costs[kinds[cell.method]]) is not None]
    if len(known) < len(cells):
        return None
    return TimeLeft(known, standings(cells), jobs, clock)


def kind_of_run(config: RunConfig, prepared: Prepared) -> str:
    """Equal for variants of a method whose steps cost the same: they differ in numbers that only weigh something.

    A weight of 0 may switch something off, and a number that changes the size of a network is seen by its parameters.
    """
    method = build_method(config, prepared)
    options = method.config.model_dump(mode="json", exclude={*OF_EVERY_METHOD} - {"balanced_epoch"})
    options = {name: value != 0 if isinstance(value, float) else value for name, value in options.items()}
    size = sum(parameter.numel() for parameter in method.parameters())
    return json.dumps([config.method_kind, options, size], sort_keys=True)


def standings(cells: Sequence[Cell], failed: frozenset[str] | set[str] = frozenset()) -> list[Standing]:
    """How far each run is."""
    return [None if cell.finished or cell.name in failed else cell.epochs_done() for cell in cells]
