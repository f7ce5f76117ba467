"""kill -9 at random moments, a new process each time, and the same bits in the end."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from tests.training.killed_run import run_of, server, started
from tests.training.tiny import fingerprint

KILLS = int(os.environ.get("SOFTLABEL_KILLS", "5"))


@pytest.mark.slow
def test_a_run_that_is_killed_again_and_again_comes_to_the_same_bits(tmp_path: Path) -> None:
    survive("online_label_smoothing", KILLS, tmp_path)


def survive(method: str, kills: int, tmp_path: Path) -> None:
    """Kill runs at random moments, begin the next one when one has finished, and compare what they come to."""
    config, context = run_of(method), server()
    started(context, config, tmp_path / "whole").join()
    began = time.monotonic()
    started(context, config, tmp_path / "timed").join()
    seconds = time.monotonic() - began
    whole = fingerprint(tmp_path / "whole")
    assert fingerprint(tmp_path / "timed") == whole
    draws = random.Random(method)
    killed, folder, number = 0, tmp_path / "killed-0", 0
    while killed < kills:
        process = started(context, config, folder)
        process.join(draws.uniform(0.2, 1.0) * seconds * 0.6)
        if process.exitcode is None:
            process.kill()
            killed += 1
        process.join()
        assert process.exitcode in (0, -9)
        if process.exitcode == 0:
            assert fingerprint(folder) == whole
            number += 1
            folder = tmp_path / f"killed-{number}"
    last = started(context, config, folder)
    last.join()
    assert last.exitcode == 0
    assert fingerprint(folder) == whole
