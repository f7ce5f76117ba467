"""Taking over from comparisons that are damaged, in use, of other files, or were changed by somebody else."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from softlabel.experiments import taking_over
from softlabel.experiments.compare import compare
from softlabel.runs.folder_lock import FolderLock
from softlabel.runs.partial import partial_path
from tests.experiments.test_taking_over import Watch, compared, config, first, runs, told

__all__ = ["first", "runs"]
CELL = "cross_entropy-seed0"


pytestmark = pytest.mark.slow


def cell_in(runs: Path) -> Path:
    return runs / "digits-0001" / "cells" / CELL


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def raise_a_value(path: Path) -> None:
    tensors = load_file(path)
    tensors["accuracy.values"] = tensors["accuracy.values"] * 0
    save_file(tensors, path)


def change(path: Path, **values: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/hostname")


DAMAGES: dict[str, Callable[[Path], object]] = {
    "rows cut": lambda cell: cut(cell / "evaluation" / "rows.safetensors"),
    "rows missing": lambda cell: (cell / "evaluation" / "rows.safetensors").unlink(),
    "rows changed": lambda cell: raise_a_value(cell / "evaluation" / "rows.safetensors"),
    "details missing": lambda cell: (cell / "evaluation" / "details.json").unlink(),
    "features cut": lambda cell: cut(cell / "evaluation" / "features.json"),
    "result of another run": lambda cell: change(cell / "result.json", seed=7),
    "link": lambda cell: link(cell / "log.txt"),
    "pipe": lambda cell: os.mkfifo(cell / "pipe"),
    "threads": lambda cell: change(cell / "environment.json", threads=63),
    "model missing": lambda cell: shutil.rmtree(cell / "model"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_not_whole_is_trained_and_said(damage: str, runs: Path) -> None:
    DAMAGES[damage](cell_in(runs))
    folder, watch = compared(config(runs, ["cross_entropy"]))
    assert watch.finished == []
    (note,) = [note for note in watch.notes if "not taken over" in note]
    assert note.startswith(f"1 run not taken over from digits-0001 ({CELL}): ")
    assert str(runs) not in note
    assert len(told(folder)) == 1


def test_without_a_record_of_its_data_a_run_is_trained(runs: Path) -> None:
    (cell_in(runs) / "data.safetensors").unlink()
    assert compared(config(runs, ["cross_entropy"]))[1].finished == []


def test_a_comparison_in_use_is_left_alone(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking_over, "PATIENCE", 0.0)
    lock = FolderLock(runs / "digits-0001")
    lock.acquire()
    try:
        _, watch = compared(config(runs, ["cross_entropy"]))
    finally:
        lock.release()
    assert watch.finished == []
    assert any("digits-0001 is in use by process" in note for note in watch.notes)


def test_the_page_names_the_comparison_without_the_way_to_it(runs: Path) -> None:
    folder, _ = compared(config(runs, ["cross_entropy"]))
    page = (folder / "report.html").read_text().split("All settings")[0]
    assert "1 of 1 runs are taken over from digits-0001" in page
    assert str(runs) not in page


def test_a_stop_loses_no_origin_and_leaves_nothing(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stopped(Watch):
        def begin(self, *args: object, **options: object) -> None:
            raise KeyboardInterrupt

    asked = config(runs, ["cross_entropy", "focal"])
    with pytest.raises(KeyboardInterrupt):
        compare(asked, progress=Stopped())
    leftover = partial_path(runs / "digits-0002" / "cells" / "focal-seed0")
    leftover.mkdir()
    shutil.rmtree(runs / "digits-0001")
    folder, watch = compared(asked)
    assert folder.name == "digits-0002"
    assert watch.finished == [CELL]
    assert "1 of 2 runs are taken over from digits-0001, as they would come out the same" in watch.notes
    assert not leftover.exists()


def test_a_run_that_was_taken_over_names_the_comparison_it_comes_from_last(runs: Path) -> None:
    compared(config(runs, ["cross_entropy"]))
    shutil.rmtree(runs / "digits-0001")
    _, watch = compared(config(runs, ["cross_entropy"]))
    assert "1 of 1 runs are taken over from digits-0002, as they would come out the same" in watch.notes


def test_another_teacher_under_the_same_path_is_another_run(tmp_path: Path) -> None:
    small = {"backbone": "mlp", "hidden": [8]}
    teachers = [
        compare(config(tmp_path / f"t{epochs}", ["cross_entropy"], network=small, training={"epochs": epochs}))
        for epochs in (1, 2)
    ]
    place = tmp_path / "teacher"
    shutil.copytree(teachers[0] / "model", place)
    asked = config(tmp_path / "runs", ["dive"], network=small)
    asked = asked.model_copy(update={"methods": {"dive": {"teacher": str(place)}}})
    compare(asked)
    assert compared(asked)[1].finished == ["dive-seed0"]
    shutil.rmtree(place)
    shutil.copytree(teachers[1] / "model", place)
    assert compared(asked)[1].finished == []


def test_a_stage_of_a_run_that_was_taken_over_is_trained_again_to_the_same_bits(runs: Path, tmp_path: Path) -> None:
    asked = config(runs, ["cross_entropy", "crt"]).model_copy(update={"methods": {"crt": {"classifier_epochs": 1}}})
    folder, watch = compared(asked)
    assert watch.finished == [CELL]
    anew = compare(
        asked.model_copy(update={"output": asked.output.model_copy(update={"runs": str(tmp_path / "anew")})})
    )
    assert told(folder) == told(anew)
    first_bytes, second_bytes = (
        (place / "cells" / "crt-seed0" / "model" / "model.safetensors").read_bytes() for place in (folder, anew)
    )
    assert first_bytes == second_bytes
