"""The fault tests with large counts: kills, failing disks, damage, interrupts, races, and a disk that is really full.

    python -m benchmarks faults --out benchmarks/results/faults

Each part stops at its first fault, which then stands in the results. The part with real full and read-only disks mounts
small tmpfs and so needs root; without it the part is skipped and says so.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import get_args
from unittest import mock

os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.benchmark import Json
from softlabel.errors import RunError
from softlabel.methods.base.discovery import method_names
from softlabel.runs.checkpoint import CheckpointFolder
from softlabel.training.train import train
from tests.contract import test_durability
from tests.faults import test_disk, test_interrupts, test_races
from tests.faults.disk import Fault
from tests.training import test_kill
from tests.training.killed_run import STEPS_PER_EPOCH, command_line, run_of, server
from tests.training.tiny import tiny_config, tiny_prepared

RIVAL = "the same run undisturbed: what goes on must end with the same bits"
PACKAGES = ()
QUICK = ("--scale", "0.005", "--only", "flipped")


@dataclass(frozen=True)
class Part:
    """A kind of fault, how often it comes, and what must then hold; `run` raises where it does not."""

    name: str
    count: int
    run: Callable[[Path], None]


def every_step() -> list[int]:
    """Kills that together hit each of the forty steps once: an epoch is saved when the first step after it comes."""
    first = list(range(1, STEPS_PER_EPOCH + 1))
    later = [STEPS_PER_EPOCH + 1, *range(2, STEPS_PER_EPOCH + 1)]
    return first + later * (run_of("cross_entropy").training.epochs - 1)


def all_disk_calls(fault: Fault) -> Callable[[Path], None]:
    """Fail each call of a run that goes on from half-way, one run each."""

    def run(folder: Path) -> None:
        with (
            mock.patch.object(test_disk, "CALLS", 0),
            mock.patch("softlabel.training.observer.SAVE_SECONDS", 0.0),
        ):
            half = test_disk.stopped_half_way(folder / "half" / "run")
            test_disk.survive_failing_calls(folder, half, fault)

    return run


def damaged(folder: Path, *, flips: int = 0, cuts: int = 0) -> None:
    """Flip bytes of a checkpoint's two files, or cut them; each must be refused with the file and the good one."""
    train(tiny_config(epochs=2), folder=folder / "run", prepared=tiny_prepared())
    checkpoints = CheckpointFolder(folder / "run" / "checkpoints")
    files = sorted(checkpoints.path.glob("last*"))
    draws = random.Random(6)
    for number in range(flips + cuts):
        victim = files[number % 2]
        whole = victim.read_bytes()
        content = bytearray(whole)
        place = draws.randrange(len(content))
        if number < flips:
            content[place] ^= draws.randint(1, 255)
        else:
            del content[place:]
        victim.write_bytes(content)
        said = refusal(checkpoints)
        assert victim.name in said, f"{victim.name}, byte {place}: {said}"
        assert "best.json is good" in said, said
        victim.write_bytes(whole)
    checkpoints.load("last")


def refusal(checkpoints: CheckpointFolder) -> str:
    """Why the last checkpoint is not loaded."""
    try:
        checkpoints.load("last")
    except RunError as error:
        return str(error)
    return "it was loaded"


def real_disks(folder: Path) -> None:
    """The program on disks of growing size until a run fits; each full one is made larger, and the run goes on."""
    disk = folder / "disk"
    disk.mkdir()
    runs = disk / "runs"
    words = ["train", "--backbone", "mlp", "--epochs", "2", "--runs", str(runs), "--name", "full"]
    for size in (8, 12, 16, 24, 32, 48, 64, 96, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 1024):
        mounted("-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(disk))
        try:
            code, said = ended(words, folder / f"{size}.txt")
            assert "Traceback" not in said, said
            if code != 0:
                assert code == 1, said
                assert "softlabel train: No space left on device (" in said, said
                assert not [path for path in runs.rglob("*") if path.name.endswith(".partial") or path.name == "lock"]
                mounted("-o", "remount,size=16m", str(disk))
                again = ["train", "--resume", str(runs / "full-0001")] if "To go on" in said else words
                assert ended(again, folder / f"{size}-again.txt")[0] == 0
            mounted("-o", "remount,ro", str(disk))
            code, said = ended(words, folder / f"{size}-read-only.txt")
            assert code == 1, said
            assert "Read-only file system (" in said, said
            assert "Traceback" not in said, said
        finally:
            subprocess.run(["umount", str(disk)], check=True)


def mounted(*words: str) -> None:
    subprocess.run(["mount", *words], check=True, capture_output=True)


def ended(words: list[str], output: Path) -> tuple[int | None, str]:
    """Exit code and words of the program."""
    process = server().Process(target=command_line, args=(words, output))
    process.start()
    process.join()
    return process.exitcode, output.read_text()


def interrupts(number: signal.Signals, code: int, count: int) -> Callable[[Path], None]:
    """Stop as many runs at random moments."""

    def run(folder: Path) -> None:
        with mock.patch.object(test_interrupts, "INTERRUPTS", count):
            test_interrupts.test_a_stopped_run_says_how_to_go_on(folder, number, code)

    return run


def races(count: int) -> Callable[[Path], None]:
    """Let programs race for a run whose holder has just died."""

    def run(folder: Path) -> None:
        with mock.patch.object(test_races, "RACES", count):
            test_races.test_exactly_one_of_several_programs_goes_on_with_a_run(folder)

    return run


def long_run(kills: int, folder: Path) -> None:
    """Kill one method's run at random moments, and look at what that leaves in its folder."""
    test_kill.survive("online_label_smoothing", kills, folder)
    whole = {path.relative_to(folder / "whole") for path in (folder / "whole").rglob("*") if path.is_file()}
    for run in folder.glob("killed-*"):
        for path in run.rglob("*"):
            name = path.relative_to(run)
            assert path.is_dir() or name in whole or name.parts[0] in ("tensorboard", "checkpoints"), path
        assert len(list((run / "checkpoints").iterdir())) <= 4


def parts(scale: float) -> list[Part]:
    """All parts, with counts times `scale`."""

    def n(count: int) -> int:
        return max(1, round(count * scale))

    return [
        Part("flipped bytes", n(2000), partial(damaged, flips=n(2000))),
        Part("cut checkpoints", n(200), partial(damaged, cuts=n(200))),
        Part("full and read-only tmpfs", 20, real_disks),
        *(Part(f"disk calls, {fault}", 0, all_disk_calls(fault)) for fault in get_args(Fault)),
        *(
            Part(f"SIGKILL in each step, {method}", 40, partial(test_durability.survive, method, every_step()))
            for method in method_names()
        ),
        *(
            Part(f"SIGKILL at any moment, {method}", n(66), partial(test_kill.survive, method, n(66)))
            for method in method_names()
            if method != "online_label_smoothing"
        ),
        Part("SIGKILL at any moment, online_label_smoothing, and what it leaves", n(68), partial(long_run, n(68))),
        Part("Ctrl-C at any moment", n(70), interrupts(signal.SIGINT, 130, n(70))),
        Part("SIGTERM at any moment", n(30), interrupts(signal.SIGTERM, 143, n(30))),
        Part("races of three for one folder", n(50), races(n(50))),
    ]


def run_part(part: Part) -> Json:
    """Run one part in a folder of its own."""
    if part.run is real_disks and os.getuid() != 0:
        return {"part": part.name, "count": 0, "seconds": 0.0, "fault": "skipped: mounting needs root"}
    started = time.perf_counter()
    fault = None
    with tempfile.TemporaryDirectory() as folder:
        try:
            part.run(Path(folder))
        except Exception:
            fault = traceback.format_exc()[-1500:]
    return {"part": part.name, "count": part.count, "seconds": round(time.perf_counter() - started, 1), "fault": fault}


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--only", nargs="*", default=[""], help="parts whose name holds one of these")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the counts")


def measure(options: Namespace) -> Json:
    done = []
    for part in parts(options.scale):
        if any(word in part.name for word in options.only):
            done.append(run_part(part))
            print(line(done[-1]), file=sys.stderr)
            if done[-1]["fault"]:
                print(done[-1]["fault"], file=sys.stderr)
    return {"parts": done}


def told(measured: Json) -> str:
    return "\n".join(line(part) for part in measured["parts"])


def line(part: Json) -> str:
    """One part in a line."""
    outcome = "as it must be" if part["fault"] is None else str(part["fault"]).strip().splitlines()[-1]
    return f"{part['part']:<66}{part['count'] or 'all':>6}  {part['seconds']:>7} s  {outcome}"
