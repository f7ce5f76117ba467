"""Every method, without a word about it, goes on after a kill to the same bits, and needs all of its saved state."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from softlabel.errors import RunError
from softlabel.methods.base.discovery import method_names
from softlabel.runs.checkpoint import Checkpoint, CheckpointFolder
from softlabel.training.config import RunConfig
from softlabel.training.train import train
from tests.training.killed_run import STEPS_PER_EPOCH, run_of, server, started
from tests.training.test_resume import StopAfter
from tests.training.tiny import fingerprint, tiny_config, tiny_for

KILLS = int(os.environ.get("SOFTLABEL_KILLS", "1"))

QUICK = ("cross_entropy", "dmue", "mislas", "online_label_smoothing")
"""A plain method, one with branches, one of two stages, one with a running table; the others are slow in number."""

every_method = pytest.mark.parametrize(
    "method", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in method_names()]
)


POSITION = ("epoch", "steps", "records")
"""Values of a checkpoint that can contradict each other, and are refused then."""


@every_method
def test_killed_in_step_after_step_a_run_comes_to_the_same_bits(tmp_path: Path, method: str) -> None:
    draws = random.Random(method)
    survive(method, [draws.randint(1, 2 * STEPS_PER_EPOCH) for _ in range(KILLS)], tmp_path, KILLS + 2)


def survive(method: str, kills: Sequence[int], folder: Path, epochs: int = 10) -> None:
    """Go on with a run again and again, kill it each time after so many of its steps, and compare what it comes to."""
    config, context = run_of(method, epochs), server()
    for name, steps in (("whole", [None]), ("killed", [*kills, None])):
        for step in steps:
            process = started(context, config, folder / name, kill_at=step)
            process.join()
            assert process.exitcode == (0 if step is None else -signal.SIGKILL)
    assert fingerprint(folder / "killed") == fingerprint(folder / "whole")


@every_method
def test_no_part_of_the_saved_state_can_be_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr("softlabel.training.observer.SAVE_SECONDS", 0.0)
    config = tiny_config(epochs=2).model_copy(update={"method": method})
    train(config, folder=tmp_path / "whole", prepared=tiny_for(config))
    with contextlib.suppress(KeyboardInterrupt):
        train(config, folder=tmp_path / "half", prepared=tiny_for(config), progress=StopAfter(5))
    saved = CheckpointFolder(tmp_path / "half" / "checkpoints").load("last")
    parts = [*parts_of(saved), *POSITION]
    assert len(parts) >= 7
    for part in parts:
        folder = tmp_path / part
        shutil.copytree(tmp_path / "half", folder)
        CheckpointFolder(folder / "checkpoints").save("last", without(part, saved))
        try:
            train(config, folder=folder, resume=True, prepared=tiny_for(config))
        except RunError:
            if part in POSITION:
                continue
            raise
        assert fingerprint(folder) != fingerprint(tmp_path / "whole"), f"nothing notices that {part} is gone"
    assert resumed(config, tmp_path / "half") == fingerprint(tmp_path / "whole")


def resumed(config: RunConfig, folder: Path) -> dict[str, Any]:
    train(config, folder=folder, resume=True, prepared=tiny_for(config))
    return fingerprint(folder)


def parts_of(checkpoint: Checkpoint) -> list[str]:
    """Backbone, head, what a method adds, optimiser, average, and each running table."""

    def names() -> Iterator[str]:
        for name, tensor in checkpoint.tensors.items():
            kind, *rest = name.split(".")
            depth = {"method": 2, "running": 2}.get(kind, 0)
            if tensor.is_floating_point() and bool(tensor.any()):  # a count that is zero between two epochs is no loss
                yield ".".join([kind, *rest[:depth]])

    return sorted(set(names()))


def without(part: str, checkpoint: Checkpoint) -> Checkpoint:
    """The part's tensors are off by a little, its number is 0, its list empty."""
    values = dict(checkpoint.values)
    if part in values:
        values[part] = type(values[part])()
    tensors = {
        name: 0.9 * tensor + 0.01 if name.startswith(part) and tensor.is_floating_point() else tensor
        for name, tensor in checkpoint.tensors.items()
    }
    return Checkpoint(tensors, values)
