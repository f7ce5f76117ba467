"""What a benchmark leaves: what was measured, by which command, when, on which machine, with which versions."""

from __future__ import annotations

import datetime
import json
import os
import re
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from benchmarks.benchmark import ROOT, Json
from softlabel.runs.environment import environment

RESULTS = ROOT / "benchmarks" / "results"
MACHINE = ("cpu", "cpu_capability", "cores", "threads", "device", "device_name")
VERSIONS = ("python", "softlabel", "torch", "numpy")


class Stored(BaseModel):
    """A stored file. Entries that were not recorded in their day are missing, and none is made up."""

    model_config = ConfigDict(extra="forbid")

    benchmark: str
    command: str
    date: str
    commit: str | None
    """None where it is unknown, or where files had changed since."""
    machine: Json
    versions: dict[str, str]
    note: str = ""
    measured: Json


def circumstances(benchmark: str, words: Sequence[str], packages: Sequence[str], device: str) -> Stored:
    """All that is known before anything is measured."""
    known = environment(device, 1)
    return Stored(
        benchmark=benchmark,
        command=without_folders(["python -m benchmarks", benchmark, *words]),
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        commit=_commit(),
        machine={name: known[name] for name in MACHINE if known[name] is not None} | {"memory_gib": _memory()},
        versions={name: known[name] for name in VERSIONS} | {package: version(package) for package in packages},
        measured={},
    )


def without_folders(words: Sequence[str]) -> str:
    """A command line in which absolute folders are only called PATH."""
    return " ".join(re.sub(r"(^|(?<=[:=,]))~?/(?:[^/,]+/)*", "PATH/", word) for word in words)


def write(path: Path, stored: Stored, told: str) -> None:
    """PATH.json, and PATH.txt for people."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = json.dumps(stored.model_dump(), indent=1, ensure_ascii=False)
    path.with_suffix(".json").write_text(f"{content}\n", encoding="utf-8")
    path.with_suffix(".txt").write_text(text(stored, told), encoding="utf-8")


def read(path: Path) -> Stored:
    """A stored file of this layout."""
    return Stored.model_validate(json.loads(path.with_suffix(".json").read_text(encoding="utf-8")))


def text(stored: Stored, told: str) -> str:
    """The circumstances, and below them what was measured."""
    machine = ", ".join(f"{name} {value}" for name, value in stored.machine.items())
    versions = ", ".join(f"{name} {number}" for name, number in stored.versions.items())
    day = f"{stored.date}, commit {stored.commit[:12]}" if stored.commit else stored.date
    about = [stored.command, day, machine, versions, stored.note]
    return "\n".join([*filter(None, about), "", told.rstrip("\n"), ""])


def _memory() -> float:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)


def _commit() -> str | None:
    """The commit of the files as they are, if it has them all."""

    def said(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return None if said("status", "--porcelain") else said("rev-parse", "HEAD")
    except (OSError, subprocess.CalledProcessError):
        return None
