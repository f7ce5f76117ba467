"""Many processes want one run folder: one wins, the others name it; a dead holder is no obstacle."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

from tests.training.killed_run import command_line, server

RACES = int(os.environ.get("SOFTLABEL_RACES", "1"))
RACERS = 3


def test_exactly_one_of_several_programs_goes_on_with_a_run(tmp_path: Path) -> None:
    words = ["train", "--epochs", "100", "--runs", str(tmp_path), "--name", "one"]
    first = server().Process(target=command_line, args=(words, tmp_path / "first.txt"))
    first.start()
    folder = tmp_path / "one-0001"
    wait_until(lambda: (folder / "checkpoints" / "last.json").exists())
    for race in range(RACES):
        first.kill()  # a dead holder, whose lock file stays
        first.join()
        assert (folder / "lock").exists()
        outputs = [tmp_path / f"{race}-{racer}.txt" for racer in range(RACERS)]
        racers = [
            server().Process(target=command_line, args=(["train", "--resume", str(folder)], output))
            for output in outputs
        ]
        for racer in racers:
            racer.start()
        wait_until(lambda: sum(racer.is_alive() for racer in racers) == 1)  # noqa: B023 (called within its turn)
        (winner,) = [racer for racer in racers if racer.is_alive()]
        for racer, output in zip(racers, outputs, strict=True):
            if racer is not winner:
                said = output.read_text()
                assert racer.exitcode == 2, said
                assert re.search(rf"is in use by process {winner.pid} on .* since ", said)
        assert winner.is_alive()
        first = winner
    first.kill()
    first.join()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
