"""A disk that fails at any call of a run: one clear error, a checkpoint that loads, nothing left behind, same bits."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import shutil
from pathlib import Path
from typing import Any, get_args
from unittest import mock

import pytest

from softlabel.cli.main import FAILED, main
from softlabel.errors import RunError
from softlabel.runs.checkpoint import CheckpointFolder
from softlabel.runs.run_folder import RunFolder
from softlabel.training.train import train
from tests.faults.disk import FailingDisk, Fault, Killed
from tests.training.test_resume import StopAfter
from tests.training.tiny import fingerprint, tiny_config, tiny_prepared

CALLS = int(os.environ.get("SOFTLABEL_DISK_CALLS", "3"))
"""How many of a run's disk calls fail, one run each; 0 stands for every call."""


@pytest.fixture(autouse=True)
def every_epoch_is_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("softlabel.training.observer.SAVE_SECONDS", 0.0)


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was stopped after one of its two epochs."""
    return stopped_half_way(tmp_path_factory.mktemp("half") / "run")


def stopped_half_way(folder: Path) -> Path:
    with pytest.MonkeyPatch.context() as patched, contextlib.suppress(KeyboardInterrupt):
        patched.setattr("softlabel.training.observer.SAVE_SECONDS", 0.0)
        train(tiny_config(epochs=2), folder=folder, prepared=tiny_prepared(), progress=StopAfter(5))
    return folder


def go_on(folder: Path) -> dict[str, Any]:
    train(tiny_config(epochs=2), folder=folder, resume=True, prepared=tiny_prepared())
    return fingerprint(folder)


@pytest.mark.parametrize("fault", get_args(Fault))
def test_a_run_survives_a_failure_of_any_of_its_disk_calls(tmp_path: Path, half: Path, fault: Fault) -> None:
    survive_failing_calls(tmp_path, half, fault)


def survive_failing_calls(tmp_path: Path, half: Path, fault: Fault) -> int:
    """Let calls of a run fail, one run each; returns how many there were."""
    shutil.copytree(half, tmp_path / "whole")
    untroubled = FailingDisk(tmp_path / "whole", fault, at=10**9)
    with untroubled.at_work():
        expected = go_on(tmp_path / "whole")
    places = range(1, untroubled.calls + 1)
    for at in random.Random(fault).sample(places, CALLS) if CALLS else places:
        folder = tmp_path / str(at)
        shutil.copytree(half, folder)
        disk = FailingDisk(folder, fault, at)
        with disk.at_work(), contextlib.suppress(OSError, Killed):
            go_on(folder)
        assert disk.failed
        CheckpointFolder(folder / "checkpoints").load("last")
        if fault == "full":
            assert not [path for path in folder.rglob("*") if path.name.endswith(".partial") or path.name == "lock"]
        (folder / "lock").unlink(missing_ok=True)  # this process lives on and would seem to hold it
        assert go_on(folder) == expected, f"{fault} at call {at}"
        assert not [path for path in folder.rglob("*") if path.name.endswith(".partial") and path.parent != folder]
        shutil.rmtree(folder)
    return untroubled.calls


@pytest.mark.parametrize("fault", ["full", "read-only"])
def test_a_new_folder_that_cannot_hold_its_configuration_is_removed(tmp_path: Path, fault: Fault) -> None:
    for at in itertools.count(2):
        runs = tmp_path / str(at) / "runs"
        runs.mkdir(parents=True)
        disk = FailingDisk(runs, fault, at)
        try:
            with disk.at_work():
                RunFolder.create(tiny_config(runs)).close()
        except OSError:
            if fault == "full":  # on a read-only disk nothing can be removed
                assert all((folder / "config.toml").exists() for folder in runs.iterdir())
        if not disk.failed:
            break
    assert at > 8


def test_the_command_line_says_which_file_and_exits_with_1(
    tmp_path: Path, half: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("softlabel.training.train.prepare", lambda *config: tiny_prepared())
    folder = tmp_path / "run"
    shutil.copytree(half, folder)
    disk = FailingDisk(folder, "read-only", at=25)
    with disk.at_work():
        assert main(["train", "--resume", str(folder)]) == FAILED
    words = capsys.readouterr().err
    assert words.startswith("softlabel train: Read-only file system (")
    assert str(folder) in words.splitlines()[0]
    assert "Traceback" not in words


def test_a_lock_that_cannot_be_written_is_not_held(tmp_path: Path) -> None:
    path = tmp_path / "run"
    RunFolder.at(path, tiny_config(), resume=False).close()

    def full(*arguments: object) -> int:
        raise OSError(28, "No space left on device")

    with mock.patch.object(os, "pwrite", full), pytest.raises(OSError, match="lock"):
        RunFolder.at(path, tiny_config(), resume=True)
    with RunFolder.at(path, tiny_config(), resume=True), pytest.raises(RunError, match=f"process {os.getpid()} on"):
        RunFolder.at(path, tiny_config(), resume=True)
