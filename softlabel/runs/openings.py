"""The test split of a run: the same rows for whatever is compared, and a count of how often they were looked at.

A split that is scored again and again, each time with a choice in mind, becomes a validation split (Dwork et al. 2015),
so every opening leaves a line beside the run, and reports say how many there were.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from softlabel.bounded_files import append_line, count_lines
from softlabel.errors import RunError
from softlabel.runs.atomic import write_json
from softlabel.runs.folder_lock import FolderLock
from softlabel.runs.run_folder import RESULT, read_json

OPENINGS = "test-openings.txt"


def record_opening(folder: Path, command: Literal["train", "evaluate"]) -> bool:
    """Add a line before the test rows are scored; False where the folder takes no line.

    The results of a comparison that the folder belongs to are brought up to date.
    """
    try:
        append_line(folder / OPENINGS, f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {command}", sync=True)
        _update_results(folder)
        if folder.parent.name == "cells":
            _update_results(folder.parent.parent)
    except (OSError, RunError):
        return False
    return True


def count_openings(folder: Path) -> int:
    """How often the test rows were scored by the run of this folder, by the cells of a comparison, and by hand."""
    logs = [folder / OPENINGS, *folder.glob(f"cells/*/{OPENINGS}")]
    return sum(map(count_lines, logs))


def refuse_other_test_rows(expected: str, found: Iterable[tuple[str, str]], where: str) -> None:
    """Raise RunError unless all runs, given as (name, hash), were tested on the rows of this hash."""
    other = [(name, found_hash) for name, found_hash in found if found_hash != expected]
    if other:
        name, found_hash = other[0]
        raise RunError(
            f"{where}: {name} was tested on other rows (hash {found_hash}) than expected (hash {expected}); "
            "only runs with the same test rows can be compared"
        )


def refuse_other_data(expected: str | None, found: Iterable[tuple[str, str | None]], where: str) -> None:
    """Raise RunError unless all runs, given as (name, hash), were trained on the data of this hash."""
    for name, found_hash in found:
        if found_hash != expected:
            raise RunError(
                f"{where}: {name} was trained on other data (hash {found_hash}) than expected (hash {expected}); "
                "only runs on the same data can be compared"
            )


def refuse_mixed_results(results: Mapping[str, Any], where: str) -> None:
    """`refuse_other_test_rows` and `refuse_other_data` for the cells of a results.json."""
    tested = [cell for cell in results["cells"] if cell.get("test_hash")]
    found = [(f"{cell['method']}, seed {cell['seed']},", cell["test_hash"]) for cell in tested]
    refuse_other_test_rows(results["data"]["test_hash"], found, where)
    trained = [(f"{cell['method']}, seed {cell['seed']},", cell.get("data_hash")) for cell in tested]
    refuse_other_data(results["data"].get("data_hash"), trained, where)


def _update_results(folder: Path) -> None:
    path = folder / RESULT["compare"]
    if path.is_file():
        with FolderLock(folder).held():
            results = read_json(path)
            results["data"]["test_openings"] = count_openings(folder)
            write_json(path, results)
