"""Progress of a comparison in a log: whole lines, not too many, not silent."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from softlabel.cli.compare_screen import MOST_LINES, CompareScreen
from softlabel.cli.console import Console
from softlabel.experiments.config import CompareConfig
from softlabel.training.config import RunConfig


@dataclass
class FakeCell:
    name: str
    config: Any = field(default_factory=lambda: RunConfig.model_validate({"training": {"epochs": 10}}))
    done: int = 0
    finished: bool = False
    method: str = "cross_entropy"
    seed: int = 0

    def epochs_done(self) -> int:
        return self.done


PREPARED: Any = SimpleNamespace(
    source=SimpleNamespace(description="9 rows", annotation_kind="label", warnings=["the same file twice"], notes=[]),
    splits=SimpleNamespace(notes=["test part: all", "three", "more", "notes"], warnings=[]),
    config=SimpleNamespace(source="digits", protocol="hold-out"),
    task=SimpleNamespace(name="classification", class_names=["a", "b"]),
    class_counts=torch.tensor([5.0, 3.0]),
    inputs=SimpleNamespace(kind="image", shape=(1, 8, 8)),
    rows={"training": 6, "validation": 1, "test": 2},
    effective_validation_size=1.0,
)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def begun(cells: list[FakeCell], folder: Path, *, as_json: bool = False) -> tuple[Any, Clock]:
    clock = Clock()
    screen: Any = CompareScreen(Console(as_json), CompareConfig(), clock)
    screen.begin(folder, PREPARED, cells, 2)
    return screen, clock


def test_says_what_it_understood_in_few_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begun([FakeCell("a")], tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"folder   {tmp_path.resolve()}"
    assert "warning  the same file twice" in lines
    assert "task     classification (one label a row), 2 classes of 3 (b) to 5 (a)" in lines
    assert len(lines) <= 12
    assert max(map(len, lines[1:])) <= 80


def test_a_line_for_each_run_that_has_finished(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cells = [FakeCell("a"), FakeCell("b")]
    screen, clock = begun(cells, tmp_path)
    capsys.readouterr()
    screen.update(cells)
    assert capsys.readouterr().out == ""
    clock.now, cells[0].finished, cells[1].done = 5.0, True, 5
    screen.update(cells)
    assert capsys.readouterr().out == "1/2 runs  b epoch 5/10  75%  left 1.7 s\n"


def test_a_line_a_minute_when_nothing_finishes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cells = [FakeCell("a")]
    screen, clock = begun(cells, tmp_path)
    capsys.readouterr()
    for second in range(601):
        clock.now = float(second)
        screen.update(cells)
    assert capsys.readouterr().out.splitlines() == ["0/1 runs"] * 10


def test_many_runs_are_not_many_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cells = [FakeCell(str(number)) for number in range(1000)]
    screen, clock = begun(cells, tmp_path)
    capsys.readouterr()
    for number, cell in enumerate(cells):
        clock.now, cell.finished = 0.01 * number, True
        screen.update(cells)
    out = capsys.readouterr().out
    assert len(out.splitlines()) <= MOST_LINES
    assert "\r" not in out


def test_json_is_alone_on_stdout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cells = [FakeCell("a")]
    screen, _ = begun(cells, tmp_path, as_json=True)
    cells[0].finished = True
    screen.update(cells)
    captured = capsys.readouterr()
    events = [json.loads(line) for line in captured.out.splitlines()]
    assert [event["event"] for event in events] == ["begin", "run"]
    assert events[0]["folder"] == str(tmp_path.resolve())
    assert "folder   " in captured.err


def test_runs_finished_before_are_counted_and_not_told_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = [FakeCell("a", finished=True), FakeCell("b")]
    screen, _ = begun(cells, tmp_path)
    assert "1 are finished already" in capsys.readouterr().out
    screen.update(cells)
    assert capsys.readouterr().out == ""


def test_ctrl_c_says_how_to_go_on(tmp_path: Path) -> None:
    screen, _ = begun([FakeCell("a")], tmp_path)
    with pytest.raises(KeyboardInterrupt, match="the same command again"), screen:
        raise KeyboardInterrupt
