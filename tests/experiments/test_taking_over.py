"""One method or seed more trains only what is new; what is taken over is what would have been trained."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from softlabel.experiments.cells import Cell
from softlabel.experiments.compare import CompareProgress, compare
from softlabel.experiments.config import CompareConfig
from softlabel.tasks.prepared import Prepared


def config(runs: Path, methods: Sequence[str], seeds: int = 1, **options: Any) -> CompareConfig:
    values: dict[str, Any] = {
        "comparison": {"methods": list(methods), "seeds": seeds, "jobs": 1},
        "network": {"backbone": "linear"},
        "data": {"source": "digits", "colour": "grey"},
        "training": {"epochs": 1, "precision": "fp32"},
        "output": {"runs": str(runs)},
    }
    for group, changed in options.items():
        values[group] = {**values[group], **changed}
    return CompareConfig.model_validate(values)


class Watch(CompareProgress):
    """Which runs were finished when training began, and what was said."""

    finished: Sequence[str] = ()
    notes: Sequence[str] = ()

    def begin(
        self, folder: Path, prepared: Prepared, cells: Sequence[Cell], jobs: int, notes: Sequence[str] = ()
    ) -> None:
        self.finished, self.notes = [cell.name for cell in cells if cell.finished], notes


def compared(config: CompareConfig) -> tuple[Path, Watch]:
    watch = Watch()
    return compare(config, progress=watch), watch


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compare(config(tmp_path_factory.mktemp("first"), ["cross_entropy"]))


@pytest.fixture
def runs(first: Path, tmp_path: Path) -> Path:
    shutil.copytree(first, tmp_path / "runs" / first.name)
    return tmp_path / "runs"


def told(folder: Path) -> list[dict[str, Any]]:
    """What the results say of each run, less times and places."""
    timed = {"seconds", "images_per_second", "bytes"}
    cells = json.loads((folder / "results.json").read_text())["cells"]
    return [{key: value for key, value in cell.items() if key not in timed} for cell in cells]


def test_only_what_is_new_is_trained_and_it_is_what_would_have_come_out(runs: Path, tmp_path: Path) -> None:
    folder, watch = compared(config(runs, ["cross_entropy", "focal"], 2))
    assert watch.finished == ["cross_entropy-seed0"]
    note = "1 of 4 runs are taken over from digits-0001, as they would come out the same"
    assert note in watch.notes
    assert note in json.loads((folder / "results.json").read_text())["data"]["notes"]
    anew = compare(config(tmp_path / "anew", ["cross_entropy", "focal"], 2))
    assert told(folder) == told(anew)
    weights = {path.relative_to(folder): path.read_bytes() for path in folder.glob("cells/*/model/*.safetensors")}
    assert weights == {path.relative_to(anew): path.read_bytes() for path in anew.glob("cells/*/model/*.safetensors")}
    assert len(weights) == 4
    shutil.rmtree(runs / "digits-0001")  # each is whole by itself
    assert len(told(folder)) == 4


@pytest.mark.parametrize(
    "changed",
    [
        {"training": {"epochs": 2}},
        {"data": {"split_seed": 1}},
        {"network": {"backbone": "mlp"}},
        {"comparison": {"take_over": False}},
    ],
    ids=str,
)
def test_what_would_come_out_otherwise_is_trained(changed: dict[str, Any], runs: Path) -> None:
    _, watch = compared(config(runs, ["cross_entropy"], **changed))
    assert watch.finished == []


@pytest.mark.parametrize("damage", ["weights", "result", "environment", "version", "rows", "unfinished"])
def test_what_is_damaged_or_of_something_else_is_trained(damage: str, runs: Path) -> None:
    cell = runs / "digits-0001" / "cells" / "cross_entropy-seed0"
    if damage == "weights":
        path = next(cell.glob("model/*.safetensors"))
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(bytes(content))
    elif damage == "unfinished":
        (runs / "digits-0001" / "results.json").unlink()
        (runs / "digits-0001").rename(runs / "other-0001")  # not the comparison that the command goes on with
    elif damage in ("result", "environment"):
        (cell / f"{damage}.json").write_text("{")
    else:
        file, key = {"version": ("environment.json", "softlabel"), "rows": ("result.json", "data_hash")}[damage]
        values = json.loads((cell / file).read_text())
        (cell / file).write_text(json.dumps({**values, key: "another"}))
    folder, watch = compared(config(runs, ["cross_entropy"]))
    assert watch.finished == []
    assert len(told(folder)) == 1


def test_where_nothing_is_earlier_nothing_is_said(tmp_path: Path) -> None:
    folder, watch = compared(config(tmp_path / "runs", ["cross_entropy"]))
    assert watch.finished == []
    assert not [note for note in watch.notes if "taken over" in note]
    assert not list(folder.rglob("taken-over.json"))
