"""The command line, called in this process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from softlabel.cli.main import main


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


Softlabel = Callable[..., Outcome]


@pytest.fixture
def softlabel(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Softlabel:
    """Runs a command line in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SOFTLABEL_TRACEBACK", raising=False)

    def call(*words: str) -> Outcome:
        code = main(words)
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call
