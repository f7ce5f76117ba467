"""Ctrl-C and SIGTERM at any moment: the exit code, one way to go on, no traceback; the second one does not wait."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from tests.training.killed_run import command_line, server

INTERRUPTS = int(os.environ.get("SOFTLABEL_INTERRUPTS", "2"))
"""How many random moments each signal comes at."""


def program(folder: Path, *words: str) -> BaseProcess:
    process = server().Process(target=command_line, args=(words, folder / "output.txt"))
    process.start()
    return process


def training(folder: Path) -> BaseProcess:
    return program(folder, "train", "--epochs", "100", "--runs", str(folder / "runs"), "--name", "long")


def wait_for(folder: Path, pattern: str) -> None:
    deadline = time.monotonic() + 60
    while not any(folder.glob(pattern)):
        assert time.monotonic() < deadline, (folder / "output.txt").read_text()
        time.sleep(0.01)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_says_how_to_go_on(tmp_path: Path, number: signal.Signals, code: int) -> None:
    draws = random.Random(code)
    for attempt in range(INTERRUPTS):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        process = training(folder)
        wait_for(folder, "runs/long-0001/tensorboard")
        time.sleep(draws.uniform(0, 1.0))
        assert process.pid is not None
        os.kill(process.pid, number)
        process.join(20)
        words = (folder / "output.txt").read_text()
        assert process.exitcode == code, words
        assert f"To go on: softlabel train --resume {folder}/runs/long-0001" in words
        assert "Traceback" not in words
        assert not (folder / "runs" / "long-0001" / "lock").exists()


def test_the_second_ctrl_c_does_not_wait(tmp_path: Path) -> None:
    """Even when ending in order hangs."""
    process = server().Process(target=hang_on_stopping, args=(tmp_path / "output.txt",))
    process.start()
    wait_for(tmp_path, "output.txt.ready")
    assert process.pid is not None
    os.kill(process.pid, signal.SIGINT)
    wait_for(tmp_path, "output.txt.stopping")
    os.kill(process.pid, signal.SIGINT)
    process.join(1.0)
    assert process.exitcode == 130
    assert "Traceback" not in (tmp_path / "output.txt").read_text()


def hang_on_stopping(output: Path) -> None:
    """A run whose way out takes a minute."""
    from softlabel.cli import main

    def hang(words: list[str]) -> int:
        try:
            output.with_name(output.name + ".ready").touch()
            time.sleep(60)
        finally:
            output.with_name(output.name + ".stopping").touch()
            for _ in range(20):
                with contextlib.suppress(KeyboardInterrupt):
                    time.sleep(3)
        return 0

    main.run_command = hang
    command_line(["train"], output)
