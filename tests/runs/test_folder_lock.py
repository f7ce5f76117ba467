"""What is read, changed and written again is changed by one process at a time."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from softlabel.errors import RunError
from softlabel.runs.folder_lock import FolderLock
from softlabel.runs.openings import record_opening
from tests.report.results import comparison_results


def results(folder: Path) -> Path:
    made = comparison_results(methods=1, seeds=1)
    made["data"]["test_openings"] = 0
    (folder / "results.json").write_text(json.dumps(made))
    return folder / "results.json"


def test_a_look_at_the_test_rows_waits_for_who_changes_the_results(tmp_path: Path) -> None:
    path = results(tmp_path)
    look = threading.Thread(target=record_opening, args=(tmp_path, "evaluate"))
    with FolderLock(tmp_path).held():
        look.start()
        time.sleep(0.2)
        assert json.loads(path.read_text())["data"]["test_openings"] == 0
    look.join()
    assert json.loads(path.read_text())["data"]["test_openings"] == 1


def test_every_look_of_many_is_counted(tmp_path: Path) -> None:
    path = results(tmp_path)
    looks = [threading.Thread(target=record_opening, args=(tmp_path, "evaluate")) for _ in range(12)]
    for look in looks:
        look.start()
    for look in looks:
        look.join()
    assert json.loads(path.read_text())["data"]["test_openings"] == len(looks)
    assert not (tmp_path / "lock").exists()


def test_who_waits_in_vain_names_the_holder(tmp_path: Path) -> None:
    began = time.monotonic()
    with (
        FolderLock(tmp_path).held(),
        pytest.raises(RunError, match="is in use by process"),
        FolderLock(tmp_path).held(patience=0.3),
    ):
        pass
    assert 0.3 <= time.monotonic() - began < 5
