"""Progress of a comparison in a log: whole lines, not too many, not silent."""

from __future__ import annotations

import io
import itertools
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from softlabel.cli.screens import compare_screen
from softlabel.cli.screens.compare_screen import MOST_LINES, CompareScreen
from softlabel.cli.screens.console import Console
from softlabel.cli.screens.time_left import CLOSING_SECONDS, TimeLeft
from softlabel.data.annotation import LABEL
from softlabel.experiments.config import CompareConfig
from softlabel.tasks.classification import Classification
from softlabel.training.config import RunConfig
from softlabel.training.cost import Cost


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


LABELS = torch.tensor([0, 0, 0, 0, 0, 1, 1, 1, 0])
PREPARED: Any = SimpleNamespace(
    source=SimpleNamespace(
        description="9 rows",
        annotation_kind=LABEL,
        class_names=["a", "b"],
        notes=[],
        samples=SimpleNamespace(annotation=LABELS),
    ),
    splits=SimpleNamespace(notes=["test part: all", "three", "more", "notes"]),
    warnings=["the same file twice"],
    config=SimpleNamespace(source="digits", protocol="hold-out", label_column=None, vote_columns=[]),
    task=Classification(["a", "b"]),
    class_counts=torch.tensor([5.0, 3.0]),
    inputs=SimpleNamespace(kind="image", shape=(1, 8, 8)),
    rows={"training": 6, "validation": 1, "test": 2},
    effective_validation_size=1.0,
)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def trial(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every run is said to take a second before, for and after each of its ten epochs."""

    def time_left(cells: list[Any], prepared: Any, jobs: int, clock: Clock) -> TimeLeft:
        return TimeLeft([Cost(1.0, (1.0,) * 10, 1.0) for _ in cells], compare_screen.standings(cells), jobs, clock)

    monkeypatch.setattr(compare_screen, "time_left", time_left)


def begun(cells: list[FakeCell], folder: Path, *, as_json: bool = False) -> tuple[Any, Clock]:
    clock = Clock()
    screen: Any = CompareScreen(Console(as_json), CompareConfig(), clock)
    screen.begin(folder, PREPARED, cells, 2)
    screen.ready(cells, PREPARED, 2)
    return screen, clock


def test_says_what_it_understood_in_few_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begun([FakeCell("a")], tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"folder   {tmp_path.resolve()}"
    assert "warning  the same file twice" in lines
    assert "task     classification, as each row has one label; rarest 'b': 3, most 'a': 5" in lines
    seconds = 12 + CLOSING_SECONDS
    assert lines[-1] == f"plan     3 methods x 3 seeds, 2 at a time: about {5 * round(seconds / 5)} s; Ctrl-C is safe"
    assert len(lines) <= 12
    assert max(map(len, lines[1:])) <= 80


def test_a_line_for_each_run_that_has_finished(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cells = [FakeCell("a"), FakeCell("b")]
    screen, clock = begun(cells, tmp_path)
    capsys.readouterr()
    screen.update(cells)
    assert capsys.readouterr().out == ""
    clock.now = 12.0
    cells[0].finished, cells[1].done = True, 5
    screen.update(cells)
    assert capsys.readouterr().out == " 75%  left 11 s  1/2 runs  cross_entropy seed 0 epoch 5\n"


@pytest.mark.parametrize("minutes", [10, 90])
def test_a_line_a_minute_when_nothing_finishes(
    minutes: int, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = [FakeCell("a")]
    cost = Cost(0.0, (60.0 * minutes,), 0.0)
    monkeypatch.setattr(
        compare_screen, "time_left", lambda cells, prepared, jobs, clock: TimeLeft([cost], [0], 1, clock)
    )
    screen, clock = begun(cells, tmp_path)
    capsys.readouterr()
    times = []
    for second in range(60 * minutes):
        clock.now = float(second)
        screen.update(cells)
        if capsys.readouterr().out:
            times.append(second)
    assert len(times) == minutes - 1
    assert max(after - before for before, after in itertools.pairwise([0, *times])) <= 60


def test_a_day_is_no_more_than_two_hundred_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = [FakeCell(str(number)) for number in range(150)]
    costs = [Cost(0.0, (576.0,), 0.0)] * 150  # a day in all
    monkeypatch.setattr(
        compare_screen, "time_left", lambda cells, prepared, jobs, clock: TimeLeft(costs, [0] * 150, 1, clock)
    )
    screen, clock = begun(cells, tmp_path)
    said: list[str] = []
    monkeypatch.setattr(screen._console, "say", said.append)
    for number, cell in enumerate(cells):
        for second in range(0, 576, 16):
            clock.now = 576.0 * number + second
            screen.update(cells)
        cell.finished = True
    assert 75 <= len(said) <= 200


def test_a_failure_is_said_at_once_and_counts_as_ended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cells = [FakeCell("a"), FakeCell("b")]
    screen, clock = begun(cells, tmp_path)
    capsys.readouterr()
    screen.failed(cells[0], "the loss is\nnot finite")
    assert capsys.readouterr().out == "failed   cross_entropy, seed 0: the loss is not finite\n"
    clock.now, cells[1].finished = 20.0, True
    screen.update(cells)
    assert capsys.readouterr().out == "100%  2/2 runs\n"


def test_where_the_trial_fails_no_time_is_made_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare_screen, "time_left", lambda *arguments: None)
    cells = [FakeCell("a"), FakeCell("b")]
    screen, _ = begun(cells, tmp_path)
    assert "2 at a time: time not known yet; Ctrl-C is safe" in capsys.readouterr().out
    cells[0].finished = True
    screen.update(cells)
    assert capsys.readouterr().out == " 50%  1/2 runs\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_bar_fits_eighty_columns_and_says_the_time_left_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("COLUMNS", "80")
    cells = [FakeCell("a", method="a_method_with_a_name_that_is_far_too_long_for_a_bar"), FakeCell("b")]
    screen, clock = begun(cells, tmp_path)
    clock.now, cells[0].done = 6.0, 5
    screen.update(cells)
    screen.failed(cells[1], "no memory")
    screen.end()
    frames = re.split(r"[\r\n]", terminal.getvalue())
    assert max(len(frame) for frame in frames if not frame.startswith("folder")) <= 80  # a path is never broken
    assert any(frame.startswith("[######..............]  33%  left 17 s  0/2 runs  a_method") for frame in frames)
    assert "failed   cross_entropy, seed 0: no memory" in frames


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
    assert [event["event"] for event in events] == ["begin", "plan", "run"]
    assert events[0]["folder"] == str(tmp_path.resolve())
    assert "folder   " in captured.err


def test_runs_finished_before_are_counted_and_not_told_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = [FakeCell("a", finished=True), FakeCell("b")]
    screen, _ = begun(cells, tmp_path)
    assert "1 of the runs finished already" in capsys.readouterr().out
    screen.update(cells)
    assert capsys.readouterr().out == ""


def test_ctrl_c_says_how_to_go_on(tmp_path: Path) -> None:
    screen, _ = begun([FakeCell("a")], tmp_path)
    with pytest.raises(KeyboardInterrupt, match="the same command again"), screen:
        raise KeyboardInterrupt
