"""Which stages the runs of a comparison have in common, so that each is trained once."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import takewhile

from softlabel.experiments.cells import Cell
from softlabel.methods.base.method import Method
from softlabel.training.shared_stages import stage_keys


def with_shared_stages(cells: Sequence[Cell], methods: Mapping[str, Method]) -> list[Cell]:
    """The cells with the keys of the stages that others have too, and how many epochs an earlier one trains for them.

    methods   one of each name, whatever its seed
    Runs of several processes share nothing.
    """
    if any(cell.config.training.processes > 1 for cell in cells):
        return list(cells)
    keys = {cell.name: stage_keys(cell.config, methods[cell.method]) for cell in cells}
    times = Counter(key for own in keys.values() for key in own)
    seen: set[str] = set()
    shared = []
    for cell in cells:
        own = keys[cell.name]
        given = len(list(takewhile(seen.__contains__, own)))
        epochs = sum(stage_epochs(cell, methods[cell.method])[:given])
        kept = tuple(key if times[key] > 1 else None for key in own)
        shared.append(dataclasses.replace(cell, shared=kept, given_epochs=epochs))
        seen |= set(own)
    return shared


def stage_epochs(cell: Cell, method: Method) -> list[int]:
    """How many epochs each stage of a run has."""
    default = cell.config.training.epochs
    return [(stage.epochs or default) if stage.gradients else 1 for stage in method.stages()]
