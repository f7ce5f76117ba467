"""Whatever a power cut leaves of a save is the old checkpoint or the new one."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
import torch

from softlabel.errors import RunError
from softlabel.runs import atomic
from softlabel.runs.checkpoint import Checkpoint, CheckpointFolder
from tests.faults.power_cut import Journal, State


def checkpoint(epoch: int) -> Checkpoint:
    return Checkpoint({"weight": torch.full((4,), float(epoch))}, {"epoch": epoch})


def states_of_a_save(folder: Path, ignored: Literal["none", "file", "folder"] = "none") -> list[State]:
    """All that a power cut may leave while the second of two checkpoints is saved."""
    checkpoints = CheckpointFolder(folder)
    checkpoints.save("last", checkpoint(1))
    journal = Journal.of(folder, ignored)
    with journal.written():
        checkpoints.save("last", checkpoint(2))
    journal.note()
    return journal.states


def epochs_found(states: list[State], folder: Path) -> set[int | str]:
    found: set[int | str] = set()
    for number, state in enumerate(states):
        place = folder / str(number)
        place.mkdir()
        for name, content in state.items():
            (place / name).write_bytes(content)
        try:
            loaded = CheckpointFolder(place).load("last")
        except RunError as error:
            found.add(str(error))
            continue
        assert torch.equal(loaded.tensors["weight"], torch.full((4,), float(loaded.values["epoch"])))
        found.add(int(loaded.values["epoch"]))
        CheckpointFolder(place).save("last", checkpoint(3))
        assert len(list(place.iterdir())) == 2  # nothing of the save that was cut off stays
    return found


def test_the_old_or_the_new_checkpoint_survives_a_power_cut_at_any_moment(tmp_path: Path) -> None:
    states = states_of_a_save(tmp_path / "checkpoints")
    assert len(states) > 30
    assert epochs_found(states, tmp_path) == {1, 2}


@pytest.mark.parametrize("forgotten", ["file", "folder"])
def test_without_flushing_a_power_cut_would_lose_it(tmp_path: Path, forgotten: Literal["file", "folder"]) -> None:
    states = states_of_a_save(tmp_path / "checkpoints", forgotten)
    assert any("damaged" in str(found) for found in epochs_found(states, tmp_path))


def test_a_folder_is_made_with_those_above_it_and_each_is_flushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[Path] = []
    monkeypatch.setattr(atomic, "sync_folder", flushed.append)
    atomic.make_folder(tmp_path / "a" / "b")
    atomic.make_folder(tmp_path / "a" / "b")
    assert flushed == [tmp_path, tmp_path / "a"]
