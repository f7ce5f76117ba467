"""A comparison of which the data have changed goes on nowhere: not as a whole, and in none of its processes."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from multiprocessing import Pipe
from pathlib import Path

import pytest

from softlabel.data.config import DataConfig
from softlabel.errors import RunError
from softlabel.experiments import compare as comparison
from softlabel.experiments.cells import Cell, train_cell
from softlabel.experiments.config import CompareConfig
from softlabel.runs.run_folder import RunFolder
from softlabel.runs.trained_on import record
from softlabel.tasks.prepared import prepare
from softlabel.training.fingerprinted import fingerprint_for
from tests.data import made_sources as made
from tests.data.made_sources import edited

CHANGED = "the data have changed since: .*training part: 1 of 36 labels differ"


def config(root: Path, data: DataConfig) -> CompareConfig:
    return CompareConfig.model_validate(
        {
            "comparison": {"methods": ["cross_entropy", "label_smoothing"], "seeds": 1},
            "data": data.model_dump(),
            "network": {"hidden": [4]},
            "training": {"epochs": 1, "precision": "fp32"},
            "output": {"runs": str(root / "runs")},
        }
    )


@pytest.fixture
def begun(tmp_path: Path) -> tuple[CompareConfig, Path]:
    """A comparison that was killed before its first epoch, and one training label that has changed since."""
    data = made.given_parts(tmp_path)
    asked = config(tmp_path, data)
    with RunFolder.continue_or_create(asked, kind="compare") as run:
        record(run.path, fingerprint_for(prepare(data)))
    edited(lambda header, rows: rows[2].__setitem__(4, "cow" if rows[2][4] != "cow" else "dog"))(tmp_path)
    return asked, run.path


@pytest.fixture
def interrupts() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_comparison_begins_no_run(begun: tuple[CompareConfig, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "warm_up", lambda: None)
    monkeypatch.setattr(comparison, "run_cells", lambda *given: pytest.fail("a run was begun"))
    with pytest.raises(RunError, match=CHANGED):
        comparison.compare(begun[0])


def test_a_process_of_it_trains_nothing(begun: tuple[CompareConfig, Path], interrupts: None) -> None:
    asked, folder = begun
    cell = Cell("cross_entropy", 0, asked.cell("cross_entropy", seed=0), folder / "cells" / "cross_entropy-seed0")
    answer, sender = Pipe(duplex=False)
    with answer, sender:
        train_cell(cell, 1, sender)
        assert answer.poll(), "it was trained"
        assert "training part: 1 of 36 labels differ" in answer.recv_bytes().decode()
    assert not cell.folder.exists()
