"""Going on with a comparison that is finished: runs of it that would come out the same are taken over, not repeated.

A run comes out the same where configuration, rows and labels, the files that a method reads, the library's version, and
what of the machine decides the last bits are the same. It is copied, not linked: lines are added to files of a run when
it is evaluated, and each comparison is to stay whole when another one is moved, removed or damaged.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from softlabel.data.fingerprint import Fingerprint
from softlabel.data.fingerprint import differences as data_differences
from softlabel.deployed.model_files import DESCRIPTION, read_description, read_weights
from softlabel.errors import RunError
from softlabel.experiments.cells import Cell
from softlabel.experiments.resampling import estimated
from softlabel.experiments.results import rows_of, shipped_scores
from softlabel.runs.atomic import sync_folder, write_json
from softlabel.runs.environment import differences, environment
from softlabel.runs.folder_lock import PATIENCE, FolderLock
from softlabel.runs.partial import partial_folder, remove_leftovers
from softlabel.runs.publish import sync_tree
from softlabel.runs.run_folder import RESULT, read_json, refuse_difference
from softlabel.runs.trained_on import recorded
from softlabel.statistic import Statistic
from softlabel.tasks.prepared import Prepared
from softlabel.text.words import counted
from softlabel.training.engine import device_name
from softlabel.training.fingerprinted import fingerprint_for

ORIGIN = "taken-over.json"
"""In a run that was taken over: which comparison it comes from. It is copied with the run, so a stop loses nothing."""
LEFT = shutil.ignore_patterns("lock", "checkpoints", "*.partial", ORIGIN)
"""What a finished run does not need."""
ROUNDING = 1e-9


def take_over(cells: Sequence[Cell], prepared: Prepared, comparison: Path, runs: Path, threads: int) -> list[str]:
    """Copy finished runs of other comparisons in `runs` where a cell would come out the same.

    threads   with which a cell would be trained
    Returns in words which runs were nearly the same, or damaged, and are trained therefore.
    """
    remove_leftovers(comparison / "cells")
    data = {cell.method: fingerprint_for(prepared, [cell.config]) for cell in cells if not cell.folder.exists()}
    refused: dict[str, tuple[str, str]] = {}
    for earlier in _earlier(runs, comparison):
        open_ = [cell for cell in cells if not cell.folder.exists()]
        alike = [cell for cell in open_ if _asks_the_same(_place(earlier, cell), cell, data[cell.method])]
        if alike:
            refused |= _take(earlier, alike, prepared, threads)
    return _in_words({name: why for name, why in refused.items() if name in {c.name for c in cells if not c.finished}})


def told(cells: Sequence[Cell]) -> list[str]:
    """In words, how many runs were taken over, now or before a stop, and from where; nothing where none was."""
    origins = [read_json(cell.folder / ORIGIN)["comparison"] for cell in cells if is_taken_over(cell)]
    if not origins:
        return []
    places = ", ".join(dict.fromkeys(origins))
    return [f"{len(origins):,} of {len(cells):,} runs are taken over from {places}, as they would come out the same"]


def is_taken_over(cell: Cell) -> bool:
    """Whether the run was trained by an earlier comparison."""
    return (cell.folder / ORIGIN).is_file()


def _earlier(runs: Path, comparison: Path) -> Iterator[Path]:
    """The finished comparisons, the newest first."""
    folders = [path.parent for path in runs.glob(f"*/{RESULT['compare']}") if path.parent.name != comparison.name]
    yield from sorted(folders, key=lambda path: (path / RESULT["compare"]).lstat().st_mtime, reverse=True)


def _place(earlier: Path, cell: Cell) -> Path:
    return earlier / "cells" / cell.folder.name


def _asks_the_same(folder: Path, cell: Cell, data: Fingerprint) -> bool:
    """Whether a finished run has this configuration and these data, whatever came out."""
    if not (folder / RESULT["train"]).exists():
        return False
    try:
        refuse_difference(folder, cell.config)
        return not data_differences(recorded(folder), data)
    except (RunError, OSError):
        return False


def _take(earlier: Path, cells: Sequence[Cell], prepared: Prepared, threads: int) -> dict[str, tuple[str, str]]:
    """Copy what is whole and would come out the same; by cell, comparison and reason of what is not."""
    with _held(earlier) as in_use:
        refused = {}
        for cell in cells:
            reason = in_use or _reason_against(_place(earlier, cell), cell, prepared, threads)
            if reason:
                refused[cell.name] = (earlier.name, reason)
            else:
                _copy(earlier, cell)
        return refused


@contextmanager
def _held(earlier: Path) -> Iterator[str]:
    """Hold a comparison, so that nobody changes it meanwhile; why that cannot be had, or nothing."""
    lock = FolderLock(earlier)
    try:
        lock.acquire(PATIENCE)
    except RunError as error:
        yield _placed(error, earlier)
    except OSError as error:
        yield f"its folder cannot be locked ({error.strerror})"
    else:
        try:
            yield ""
        finally:
            lock.release()


def _reason_against(folder: Path, cell: Cell, prepared: Prepared, threads: int) -> str:
    try:
        stored = read_json(folder / "environment.json")
        now = environment(device_name(cell.config.training.device), cell.config.training.processes)
        changed = differences(stored, {**now, "threads": threads})
        if changed:
            return "; ".join(changed)
        _refuse_damaged(folder, cell, prepared)
    except RunError as error:
        return _placed(error, folder.parent.parent)
    except OSError as error:
        return f"{Path(error.filename or folder).name} cannot be read ({error.strerror})"
    return ""


def _refuse_damaged(folder: Path, cell: Cell, prepared: Prepared) -> None:
    """Raise RunError for files that are missing, damaged, or not of this run."""
    _refuse_links(folder)
    result = read_json(folder / RESULT["train"])
    if (result["method"], result["seed"]) != (cell.method, cell.seed):
        raise RunError(f"{folder / RESULT['train']} is of another run: {result['method']}, seed {result['seed']}")
    if (result.get("test_hash"), result.get("data_hash")) != (
        prepared.splits.test_hash,
        prepared.splits.fingerprint.data_hash,
    ):
        raise RunError(f"{folder / RESULT['train']} is of other rows")
    description = read_description(folder / "model" / DESCRIPTION)
    read_weights(folder / "model" / description["weights"]["file"], description["weights"])
    read_json(folder / "evaluation" / "details.json")
    for name in ("features.json", "masks.json"):
        if (folder / "evaluation" / name).exists():
            read_json(folder / "evaluation" / name)
    _refuse_other_scores(folder, cell, prepared, shipped_scores(result))


def _refuse_other_scores(folder: Path, cell: Cell, prepared: Prepared, stored: Mapping[str, Any]) -> None:
    """Raise RunError where what the test rows added is not what the result says: one of the two is damaged."""
    scores: Sequence[Statistic] = prepared.task.statistics(prepared.class_counts, cell.config.data.groups)
    rows = rows_of(replace(cell, folder=folder), scores, prepared.rows["test"])
    for score in scores:
        if score.name not in rows or score.name not in stored:
            continue
        value, told_value = estimated(score, rows[score.name]), stored[score.name]
        known = math.nan if told_value is None else told_value
        if not math.isclose(value, known, rel_tol=ROUNDING, abs_tol=ROUNDING) and not (
            value != value and known != known
        ):
            raise RunError(
                f"{folder / RESULT['train']} and the test rows beside it do not fit: {score.name} is {known:g} in one, "
                f"{value:g} in the other"
            )


def _refuse_links(folder: Path) -> None:
    """Raise RunError for a link, a pipe or the like, which a run never has."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                _refuse_links(Path(entry.path))
            elif not entry.is_file(follow_symlinks=False):
                raise RunError(f"{entry.path} is not a regular file")


def _copy(earlier: Path, cell: Cell) -> None:
    cell.folder.parent.mkdir(exist_ok=True)
    with partial_folder(cell.folder) as partial:
        shutil.copytree(_place(earlier, cell), partial, symlinks=True, dirs_exist_ok=True, ignore=LEFT)
        write_json(partial / ORIGIN, {"comparison": earlier.name})
        sync_tree(partial)
        partial.rename(cell.folder)
    sync_folder(cell.folder.parent)


def _placed(error: RunError, earlier: Path) -> str:
    """The message without the way to the comparison, which pages and screens name alone."""
    return str(error).replace(f"{earlier}{os.sep}", "").replace(str(earlier), earlier.name)


def _in_words(refused: Mapping[str, tuple[str, str]]) -> list[str]:
    """One line for all runs of the same reason."""
    names: dict[tuple[str, str], list[str]] = {}
    for name, why in refused.items():
        names.setdefault(why, []).append(name)
    return [
        f"{counted(len(own), 'run')} not taken over from {place} ({own[0]}{' …' if len(own) > 1 else ''}): {reason}"
        for (place, reason), own in names.items()
    ]
