"""What `softlabel train` shows: what was understood, progress, and the scores before and after temperature."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from softlabel.bounded_files import count_lines
from softlabel.cli.screens.console import Console
from softlabel.cli.screens.plan import tried
from softlabel.cli.screens.preparing_bar import PreparingBar
from softlabel.cli.screens.scores import scores_table, temperature_title
from softlabel.cli.screens.understood import folder_line, line, understood
from softlabel.data.reading.told import told_to
from softlabel.report.comparison import weakness
from softlabel.runs.checkpoint import CheckpointFolder
from softlabel.text.words import counted, roughly
from softlabel.training.build_method import method_training
from softlabel.training.config import RunConfig
from softlabel.training.progress import Progress, ReadTerms, RunStart, progress_for
from softlabel.training.train import RunResult


class TrainScreen(Progress):
    """The progress of one run, on a screen or as events; a `with` block adds to Ctrl-C how to go on."""

    def __init__(self, console: Console, config: RunConfig) -> None:
        self._console = console
        self._config = config
        self._progress = progress_for(console.words)
        self._preparing = PreparingBar(console.words)
        self._start: RunStart | None = None

    def begin(self, start: RunStart) -> None:
        self._start = start
        self._preparing.close()
        folder, rows = str(start.folder.resolve()), start.prepared.rows
        self._console.event("begin", folder=folder, rows=rows, epochs=start.epochs, resumed=start.resumed)
        self._console.say(folder_line(start.folder))
        own = method_training(self._config)
        self._console.say(understood(start.prepared, self._config.network, own))
        method = f"{self._config.method}, seed {self._config.seed}, {start.precision}"
        going_on = f"; goes on after {start.images_done:,} of {start.images:,} images" if start.resumed else ""
        self._console.say(line("method", method + going_on))
        for note in start.notes:
            self._console.say(line("note", note))

    def preparing(self, what: str, done: int, total: int) -> None:
        if self._preparing.show(what, done, total):
            self._console.event("preparing", what=what, total=total)

    def ready(self, features: Path) -> None:
        self._preparing.close()
        if self._start is not None:
            self._say_plan(self._start, features)
            self._progress.begin(self._start)

    def step(self, images: int, terms: ReadTerms) -> None:
        self._progress.step(images, terms)

    def epoch(self, record: Mapping[str, Any]) -> None:
        self._progress.epoch(record)
        self._console.event("epoch", **record)

    def message(self, text: str) -> None:
        self._progress.message(text)
        self._console.event("message", text=text)

    def end(self) -> None:
        self._preparing.close()
        self._progress.end()

    def finished(self, result: RunResult) -> None:
        """Scores of the model that ships on the test split, and where everything is."""
        say = self._console.say
        if result.already_finished:
            say("this run was finished already; nothing was trained")
        cell, scores = result.cell, result.cell["selected"]
        if (weak := weakness(cell)) is not None:
            say("\n" + line("warning", f"this model is {weak}"))
        heading = temperature_title(cell["temperature"], cell["temperature_interval"], cell["temperature_flag"])
        constant = (cell.get("constant") or {}).get("scores")
        table = scores_table(scores["before"], scores["after"], self._titles(), heading, "test split", constant)
        say("\n" + table + "\n")
        for name, value in cell.get("chosen_options", {}).items():
            say(line("chosen", f"{name} {value:g}, on validation rows"))
        say(line("next", f"softlabel predict {shlex.quote(str(result.folder))} INPUT"))
        say(folder_line(result.folder))
        self._console.event("result", folder=str(result.folder.resolve()), result=result.cell)

    def __enter__(self) -> Self:
        self._reading = told_to(self.preparing)
        self._reading.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reading.__exit__(kind, error, trace)
        self._preparing.close()
        if self._start is None:
            return
        go_on = f"To go on: softlabel train --resume {self._start.folder}\n{_kept(self._start)}"
        if isinstance(error, KeyboardInterrupt):
            error.args = (go_on,)
        elif isinstance(error, OSError):  # a full disk, for instance: what was saved is whole
            error.add_note(go_on)

    def _say_plan(self, start: RunStart, features: Path) -> None:
        cost = tried(self._config, start.prepared, features=features)
        seconds = None if cost is None else cost.total * max(0.0, 1 - start.images_done / max(1, start.images))
        self._console.event("plan", seconds=seconds)
        about = "time not known yet" if seconds is None else f"about {roughly(seconds)}"
        self._console.say(line("plan", f"{counted(start.epochs, 'epoch')}: {about}; Ctrl-C is safe"))

    def _titles(self) -> dict[str, tuple[str, str]]:
        """Each score's title and the direction in which it gets better."""
        if self._start is None:
            return {}
        prepared = self._start.prepared
        statistics = prepared.task.statistics(prepared.class_counts, prepared.config.groups)
        return {statistic.name: (statistic.title, statistic.better) for statistic in statistics}


def _kept(start: RunStart) -> str:
    """What of a stopped run is saved and what is trained again; epochs count over all stages."""
    index, log = start.folder / "checkpoints" / "last.json", start.folder / "metrics.jsonl"
    saved = len(CheckpointFolder(index.parent).load("last").values["records"]) if index.exists() else 0
    if saved == start.epochs:
        return f"All {counted(saved, 'epoch')} are saved; calibration and test are left"
    ended = count_lines(log)
    first, last = saved + 1, min(ended + 1, start.epochs)
    again = f"epoch {first} is" if last <= first else f"epochs {first} to {last} are"
    return f"Saved: {saved} of {counted(start.epochs, 'epoch')}; {again} trained again"
