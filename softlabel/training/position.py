"""Where a checkpoint says that a run stands, held against the stages that the run has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from softlabel.bounded_files import checked, damaged, one_line
from softlabel.errors import RunError
from softlabel.methods.base.stage import Stage
from softlabel.runs.records import BestRecord, Position


def refuse_other_position(values: dict[str, Any], stages: Sequence[Stage], epochs: int, path: Path) -> None:
    """Raise RunError unless the values stand at the end of an epoch of these stages, with a record of each before it.

    epochs   of a stage that has no number of its own
    path     the file that errors name
    """
    position = checked(values, Position, path, "values")
    lengths = [stage.epochs_of(epochs) for stage in stages]
    if position.stage >= len(stages):
        raise _not_of_the_run(path, "stage", position.stage, f"a number from 0 to {len(stages) - 1}")
    if not 1 <= position.epoch <= lengths[position.stage]:
        raise _not_of_the_run(path, "epoch", position.epoch, f"a number from 1 to {lengths[position.stage]}")
    done = [*lengths[: position.stage], position.epoch]
    expected = [
        (stages[place].name, epoch + 1, lengths[place]) for place, some in enumerate(done) for epoch in range(some)
    ]
    found = [(record.stage, record.epoch, record.epochs) for record in position.records]
    if len(found) != len(expected):
        raise _not_of_the_run(path, "records", f"{len(found)} records", f"one of each of {len(expected)} epochs")
    for place, (one, other) in enumerate(zip(found, expected, strict=True)):
        if one != other:
            wanted = f"{other[0]}, epoch {other[1]} of {other[2]}"
            raise _not_of_the_run(path, f"records.{place}", f"{one[0]}, epoch {one[1]} of {one[2]}", wanted)


def refuse_other_best(values: dict[str, Any], stages: Sequence[Stage], epochs: int, path: Path) -> None:
    """Raise RunError unless the values name an epoch of the last stage, which are the ones that can be selected."""
    best = checked(values, BestRecord, path, "values")
    if best.stage != stages[-1].name:
        raise _not_of_the_run(path, "stage", repr(best.stage), repr(stages[-1].name))
    most = stages[-1].epochs_of(epochs)
    if best.epoch > most:
        raise _not_of_the_run(path, "epoch", best.epoch, f"a number from 1 to {most}")


def _not_of_the_run(path: Path, field: str, found: object, expected: str) -> RunError:
    return RunError(damaged(path, f"values.{field}: {one_line(str(found))}, expected {expected}"))
