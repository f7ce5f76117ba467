"""Closed, full and broken standard streams, and a current folder that is gone: a line each, and the right exit code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = f"{sys.executable} -m softlabel"
NO_OUTPUT = "standard output is closed; send it to a file, or to /dev/null"
GONE = "the current folder does not exist any more; go to another one (cd)"


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("--help >&-", 2, f"softlabel: {NO_OUTPUT}\n"),
        ("methods >&- <&-", 2, f"softlabel methods: {NO_OUTPUT}\n"),
        ("train >&- 2>&-", 2, ""),
        ("sources 2>&- >/dev/null", 0, ""),
        ("sources <&- >/dev/null", 0, ""),
        ("sources <&- >/dev/null 2>&-", 0, ""),
        ("nonsense 2>&-", 2, ""),
        ("--help | true", 141, ""),
        ("compare --help | head -1 >/dev/null", 141, ""),
        ("--help >/dev/full", 1, "softlabel: No space left on device\n"),
        ("sources >/dev/full", 1, "softlabel sources: No space left on device\n"),
    ],
)
def test_streams(line: str, code: int, said: str, tmp_path: Path) -> None:
    words = ["bash", "-c", f"{PROGRAM} {line}; exit ${{PIPESTATUS[0]}}"]
    environment = {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == said
    assert done.returncode in ({code, 0} if code == 141 else {code})  # all may be written before the reader leaves
    assert not list(tmp_path.rglob("*.log"))


@pytest.mark.parametrize("command", ["train", "compare", "sources", "predict runs/x y", "export runs/x --format torch"])
def test_a_folder_that_is_gone(command: str, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    environment = {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        ["/bin/bash", "-c", f"rmdir {gone}; {PROGRAM} {command}"],
        cwd=gone,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (2, f"softlabel {command.split()[0]}: {GONE}\n")
    assert not list(tmp_path.rglob("*.log"))
