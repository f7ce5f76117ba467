"""A bar on a terminal, lines through a pipe: never a carriage return, never a silence."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from softlabel.runs.metrics_log import MetricsLog
from softlabel.training.progress import Bar, Lines, Progress, RunStart, progress_for


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def record(epoch: int, epochs: int) -> dict[str, Any]:
    validation = {"nll": 0.5, "accuracy": 0.9, "brier": 0.1}
    return {
        "stage": "train",
        "epoch": epoch,
        "epochs": epochs,
        "terms": {"cross_entropy": 0.7},
        "validation": validation,
    }


def start(images: int, epochs: int, done: int = 0) -> RunStart:
    return RunStart(Path(), None, images, done, epochs, False, "fp32")  # type: ignore[arg-type]


def run(progress: Progress, clock: Clock, *, epochs: int, steps: int, seconds: float) -> None:
    progress.begin(start(epochs * steps * 10, epochs))
    for epoch in range(epochs):
        for _ in range(steps):
            clock.now += seconds
            progress.step(10, lambda: {"cross_entropy": 0.7})
        progress.epoch(record(epoch + 1, epochs))
    progress.end()


@pytest.mark.parametrize(
    ("epochs", "steps", "seconds"), [(3, 4, 1.0), (1, 1000, 1.0), (900, 2, 0.1), (250, 3, 1.0), (2, 50, 7.0)]
)
def test_lines_are_whole_few_and_never_far_apart(epochs: int, steps: int, seconds: float) -> None:
    clock = Clock()
    times: list[float] = []

    class Stream(io.StringIO):
        def write(self, text: str) -> int:
            times.append(clock.now)
            return super().write(text)

    stream = Stream()
    run(Lines(stream, clock), clock, epochs=epochs, steps=steps, seconds=seconds)
    text = stream.getvalue()
    assert "\r" not in text
    assert text.endswith("\n")
    gaps = [b - a for a, b in zip([0.0, *times], times, strict=False)]
    assert max(gaps) <= 60 + seconds
    assert len(times) <= 200
    assert f"train {epochs}/{epochs}  cross_entropy 0.7  validation nll 0.5  accuracy 0.9" in text.splitlines()[-1]


@pytest.mark.parametrize(("epochs", "steps"), [(1, 20_000), (1000, 20)])
def test_a_run_of_two_days_is_no_more_than_two_hundred_lines(epochs: int, steps: int) -> None:
    clock, stream = Clock(), io.StringIO()
    run(Lines(stream, clock), clock, epochs=epochs, steps=steps, seconds=8.64)
    assert 90 <= len(stream.getvalue().splitlines()) <= 200


def test_the_rate_and_the_time_left_are_those_of_this_process() -> None:
    clock, stream = Clock(), io.StringIO()
    lines = Lines(stream, clock)
    lines.begin(start(1000, 10, done=500))
    clock.now = 10.0
    lines.step(100, dict)
    lines.epoch(record(6, 10))
    assert stream.getvalue().splitlines() == [
        "train 6/10  cross_entropy 0.7  validation nll 0.5  accuracy 0.9  10 images/s  left 0:40"
    ]


def test_the_bar_shows_terms_speed_and_time_left() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    bar = progress_for(terminal)
    assert isinstance(bar, Bar)
    assert isinstance(progress_for(io.StringIO()), Lines)
    run(bar, Clock(), epochs=2, steps=3, seconds=0.0)
    last = terminal.getvalue().split("\r")[-1]
    assert "100%" in last
    assert "train 2/2" in last
    assert "cross_entropy 0.7" in last
    assert "images/s" in last
    assert "left 00:00" in last


def test_a_bar_that_never_began_can_end() -> None:
    Bar(io.StringIO()).end()


def test_each_epoch_stands_once_whatever_was_written_before(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path, [])
    for epoch in (1, 2, 3):
        log.append(record(epoch, 4))
    log.close()
    with open(tmp_path / "metrics.jsonl", "a") as file:
        file.write('{"stage": "train", "epo')  # killed in the middle of a line
    kept = [record(1, 4), record(2, 4)]  # what the checkpoint knows of
    log = MetricsLog(tmp_path, kept)
    for epoch in (3, 4):
        log.append({**record(epoch, 4), "loss": float("nan")})
    log.close()
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4]
    assert lines[3]["loss"] is None


def test_tensorboard_sees_each_epoch_once(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = MetricsLog(tmp_path, [])
    for epoch in (1, 2, 3):
        log.append({**record(epoch, 4), "loss": float(epoch)})
    log.close()
    log = MetricsLog(tmp_path, [record(1, 4), record(2, 4)])
    log.append({**record(3, 4), "loss": 30.0})
    log.close()
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [(0, 1.0), (1, 2.0), (2, 30.0)]
    assert "validation/nll" in events.Tags()["scalars"]
