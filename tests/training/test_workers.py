"""A process of a run that dies, at whatever moment: the others end soon, and the first one says which and why."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch

from softlabel.errors import FailedRunError
from softlabel.training import workers
from softlabel.training.rendezvous import meet
from softlabel.training.workers import Workers, ending
from tests.training.killed_run import server
from tests.training.test_processes import children, wait_until

WAIT = "sys.stdin.read()"
"""A process that does nothing until the first one ends."""
JOIN = """
import os, signal, threading, torch
from softlabel.training.rendezvous import meet
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(1)), daemon=True).start()
meet(torch.device("cpu"), 2, RANK, int(sys.argv[4]), None)
torch.distributed.barrier()
"""
"""A process that finds the first one, and makes a step with it; then what follows."""

DEATHS = {
    "import os, signal; os.kill(os.getpid(), signal.SIGKILL)": r"was killed \(SIGKILL\), perhaps because the machine",
    "import os, signal; os.kill(os.getpid(), signal.SIGTERM)": r"was killed \(SIGTERM\)$",
    "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)": r"was killed \(SIGSEGV\)$",
    "import os; os._exit(7)": r"ended with exit code 7$",
    "import os; os._exit(0)": r"ended with exit code 0$",
    "raise MemoryError('no room')": r"ended with exit code 1: MemoryError: no room$",
    "import no_such_library": r"ended with exit code 1: ModuleNotFoundError: No module named 'no_such_library'$",
}
KILLED = "process 1 of 2 was killed (SIGKILL), perhaps because the machine ran out of memory"


@pytest.fixture(autouse=True)
def what_trains_stays() -> Iterator[None]:
    before = workers.START, workers.LEAVE_SECONDS
    yield
    workers.START, workers.LEAVE_SECONDS = before


def run_instead(programs: Sequence[str]) -> None:
    """What the processes of rank 1 and up do instead of training."""
    choices = [f"if RANK == {rank}: exec({program!r})" for rank, program in enumerate(programs, start=1)]
    code = "\n".join(["import sys; RANK = int(sys.argv[3])", *choices])
    workers.START = code.replace("{", "{{").replace("}", "}}")
    workers.LEAVE_SECONDS = 1.0


def take_part(programs: Sequence[str], folder: Path, steps: int = 0) -> None:
    """The first process: meets the others, and makes so many steps with them."""
    run_instead(programs)
    world = len(programs) + 1
    with Workers(folder, world) as others:
        try:
            meet(torch.device("cpu"), world, 0, others.port, others.refuse_failed)
            for _ in range(steps):
                torch.distributed.barrier()
        finally:
            if torch.distributed.is_initialized():
                torch.distributed.destroy_process_group()


def program(programs: Sequence[str], folder: Path, steps: int = 0) -> BaseProcess:
    """`take_part` as a program of its own, with the signals of the command line."""
    process = server().Process(target=command, args=(programs, folder, steps))
    process.start()
    return process


def command(programs: Sequence[str], folder: Path, steps: int) -> None:
    from softlabel.cli import main

    handle = os.open(folder / "output.txt", os.O_WRONLY | os.O_CREAT, 0o644)
    os.dup2(handle, 2)
    sys.argv = ["softlabel", "train"]
    main.run_command = lambda words: take_part(programs, folder, steps) or 0
    sys.exit(main.main())


@pytest.mark.parametrize(("rank", "death"), [(1 + place % 2, death) for place, death in enumerate(DEATHS)])
def test_a_process_that_dies_before_the_rendezvous_is_named(rank: int, death: str, tmp_path: Path) -> None:
    programs = [WAIT, WAIT]
    programs[rank - 1] = death
    began = time.monotonic()
    with pytest.raises(FailedRunError, match=f"^process {rank} of 3 {DEATHS[death]}"):
        take_part(programs, tmp_path)
    assert time.monotonic() - began < 15
    assert not children(os.getpid()) or all(not stray(pid) for pid in children(os.getpid()))


def stray(pid: int) -> bool:
    """Whether a process is one of ours."""
    return b"RANK" in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_a_process_that_is_killed_in_a_step_is_named(tmp_path: Path) -> None:
    with pytest.raises(FailedRunError, match=f"^{re.escape(KILLED)}$"):
        take_part([JOIN + "os.kill(os.getpid(), signal.SIGKILL)"], tmp_path, steps=1000)


def test_what_a_process_said_is_kept_in_the_log(tmp_path: Path) -> None:
    with pytest.raises(FailedRunError, match=r"ended with exit code 1: KeyError: 'a fault'$"):
        take_part(["raise KeyError('a fault')"], tmp_path)
    assert "Traceback" in (tmp_path / "log.txt").read_text()


def test_a_process_that_is_killed_after_the_last_step_is_not_missed(tmp_path: Path) -> None:
    take_part([JOIN + "os.kill(os.getpid(), signal.SIGKILL)"], tmp_path, steps=1)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("where", ["before the rendezvous", "in a step"])
def test_a_signal_ends_the_first_process_and_the_others(
    number: signal.Signals, code: int, where: str, tmp_path: Path
) -> None:
    in_step = where == "in a step"
    first = program(
        [JOIN + "open(sys.argv[2] + '/joined', 'w'); " + WAIT] if in_step else [WAIT, WAIT], tmp_path, steps=2
    )
    assert first.pid is not None
    wait_until(lambda: children(first.pid))
    if in_step:
        wait_until(lambda: (tmp_path / "joined").exists())
        (tmp_path / "joined").unlink()
    time.sleep(0.3)
    others = children(first.pid)
    os.kill(first.pid, number)
    first.join(10)
    assert first.exitcode == code
    assert (tmp_path / "output.txt").read_text().strip() == "softlabel train: stopped."
    assert not any(Path(f"/proc/{pid}").exists() for pid in others)


def test_a_first_process_that_is_killed_takes_the_others_with_it(tmp_path: Path) -> None:
    first = program([WAIT, WAIT], tmp_path)
    wait_until(lambda: len(children(first.pid)) == 2)
    others = children(first.pid)
    first.kill()
    first.join()
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in others))


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "ended with exit code 0"),
        (3, "ended with exit code 3"),
        (-9, "was killed (SIGKILL), perhaps because the machine ran out of memory"),
        (-11, "was killed (SIGSEGV)"),
        (-40, "was killed (signal 40)"),
    ],
)
def test_the_end_of_a_process_in_words(code: int, words: str) -> None:
    assert ending(code) == words
