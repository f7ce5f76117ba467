"""kill -9 at random moments, a new process each time, and the same bits in the end."""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from tests.training.killed_run import train_tiny
from tests.training.tiny import fingerprint

KILLS = int(os.environ.get("SOFTLABEL_KILLS", "5"))


@pytest.fixture(scope="module")
def server() -> ForkServerContext:
    """Forks processes that have imported everything, so that a kill falls into training and not into imports."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["softlabel.training.train", "lightning_fabric", "torch.utils.tensorboard", "tests.training.tiny"]
    )
    return context


def test_a_run_that_is_killed_again_and_again_comes_to_the_same_bits(server: ForkServerContext, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    _finish(_start(server, whole, resume=False))
    started = time.monotonic()
    _finish(_start(server, tmp_path / "timed", resume=False))
    seconds = time.monotonic() - started
    assert fingerprint(tmp_path / "timed") == fingerprint(whole)
    draws = random.Random(5)
    killed, folder, number = 0, tmp_path / "killed-0", 0
    while killed < KILLS:
        process = _start(server, folder, resume=folder.exists())
        process.join(draws.uniform(0.2, 1.0) * seconds * 0.6)
        if process.exitcode is None:
            process.kill()
            killed += 1
        process.join()
        assert process.exitcode in (0, -9)
        if process.exitcode == 0:
            assert fingerprint(folder) == fingerprint(whole)
            number += 1
            folder = tmp_path / f"killed-{number}"
    _finish(_start(server, folder, resume=folder.exists()))
    assert fingerprint(folder) == fingerprint(whole)


def _start(server: ForkServerContext, folder: Path, resume: bool) -> BaseProcess:
    process = server.Process(target=train_tiny, args=(str(folder), resume))
    process.start()
    return process


def _finish(process: BaseProcess) -> None:
    process.join()
    assert process.exitcode == 0
