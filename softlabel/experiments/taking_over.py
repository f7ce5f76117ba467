"""Going on with a comparison that is finished: runs of it that would come out the same are taken over, not repeated.

A run comes out the same where configuration, rows and labels, the library's version, and what of the machine decides
the last bits are the same. It is copied, so that each comparison is whole by itself.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from softlabel.deployed.model_files import DESCRIPTION, read_description, read_weights
from softlabel.errors import RunError
from softlabel.experiments.cells import Cell
from softlabel.runs.environment import differences, environment
from softlabel.runs.partial import partial_folder
from softlabel.runs.run_folder import RESULT, read_json, refuse_difference
from softlabel.tasks.prepared import Prepared
from softlabel.training.engine import device_name

LEFT = shutil.ignore_patterns("lock", "checkpoints", "*.partial")
"""What a finished run does not need."""


def take_over(cells: Sequence[Cell], prepared: Prepared, comparison: Path, runs: Path, threads: int) -> dict[str, Path]:
    """Copy finished runs of other comparisons in `runs` where a cell would come out the same; by cell, from where.

    threads   with which a cell would be trained
    What cannot be read is passed over: the cell is trained then.
    """
    earlier = list(_earlier(runs, comparison))
    found = {}
    for cell in cells:
        own = cell.folder.name
        place = next((path for path in earlier if _is_same(path / "cells" / own, cell, prepared, threads)), None)
        if place is not None:
            _copy(place / "cells" / cell.folder.name, cell.folder)
            found[cell.name] = place
    return found


def _earlier(runs: Path, comparison: Path) -> Iterator[Path]:
    """The finished comparisons, the newest first."""
    folders = [path.parent for path in runs.glob(f"*/{RESULT['compare']}") if path.parent != comparison]
    yield from sorted(folders, key=lambda path: (path / RESULT["compare"]).stat().st_mtime, reverse=True)


def _is_same(folder: Path, cell: Cell, prepared: Prepared, threads: int) -> bool:
    if cell.folder.exists() or not (folder / RESULT["train"]).exists():
        return False
    with contextlib.suppress(RunError, OSError, KeyError):
        refuse_difference(folder, cell.config)
        result, stored = read_json(folder / RESULT["train"]), read_json(folder / "environment.json")
        now = environment(device_name(cell.config.training.device), cell.config.training.processes)
        now["threads"] = threads
        same_data = (result["test_hash"], result["data_hash"]) == (
            prepared.splits.test_hash,
            prepared.splits.fingerprint.data_hash,
        )
        if same_data and stored["softlabel"] == now["softlabel"] and not differences(stored, now):
            description = read_description(folder / "model" / DESCRIPTION)
            read_weights(folder / "model" / description["weights"]["file"], description["weights"])
            return True
    return False


def _copy(folder: Path, to: Path) -> None:
    to.parent.mkdir(exist_ok=True)
    with partial_folder(to) as partial:
        shutil.copytree(folder, partial, dirs_exist_ok=True, ignore=LEFT)
        partial.rename(to)


def told(found: dict[str, Path], cells: Sequence[Cell]) -> list[str]:
    """In words, how many runs were taken over, and from where; nothing where none was."""
    if not found:
        return []
    places = ", ".join(dict.fromkeys(str(path) for path in found.values()))
    return [f"{len(found):,} of {len(cells):,} runs are taken over from {places}, as they would come out the same"]
