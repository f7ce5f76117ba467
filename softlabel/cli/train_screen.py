"""What `softlabel train` shows: what was understood, progress, and the scores before and after temperature."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from softlabel.cli.console import Console
from softlabel.cli.understood import folder_line, line, understood
from softlabel.report.numbers import interval, number
from softlabel.training.config import RunConfig
from softlabel.training.progress import RunStart, Terms, progress_for
from softlabel.training.train import RunResult

ARROWS = {"higher": "↑", "lower": "↓"}


class TrainScreen:
    """The progress of one run, on a screen or as events; a `with` block adds to Ctrl-C how to go on."""

    def __init__(self, console: Console, config: RunConfig) -> None:
        self._console = console
        self._config = config
        self._progress = progress_for(console.words)
        self._start: RunStart | None = None

    def begin(self, start: RunStart) -> None:
        self._start = start
        self._console.event(
            "begin", folder=str(start.folder.resolve()), rows=start.prepared.rows, epochs=start.epochs, resumed=start.resumed
        )
        self._console.say(folder_line(start.folder))
        self._console.say(understood(start.prepared, self._config.network, self._config.training))
        going_on = f", goes on after {start.images_done:,} of {start.images:,} images" if start.resumed else ""
        self._console.say(line("method", f"{self._config.method}, seed {self._config.seed}, {start.precision}{going_on}"))
        self._progress.begin(start)

    def step(self, images: int, terms: Terms) -> None:
        self._progress.step(images, terms)

    def epoch(self, record: Mapping[str, Any]) -> None:
        self._progress.epoch(record)
        self._console.event("epoch", **record)

    def message(self, text: str) -> None:
        self._progress.message(text)
        self._console.event("message", text=text)

    def end(self) -> None:
        self._progress.end()

    def finished(self, result: RunResult) -> None:
        """Scores of the model that ships on the test split, and where everything is."""
        say = self._console.say
        if result.already_finished:
            say("this run was finished already; nothing was trained")
        say("\n" + scores_table(result.cell["selected"], self._titles(), _temperature(result.cell)) + "\n")
        say(line("next", f"softlabel predict {result.folder} INPUT"))
        say(folder_line(result.folder))
        self._console.event("result", folder=str(result.folder.resolve()), result=result.cell)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, KeyboardInterrupt) and self._start is not None:
            error.args = (f"To go on: softlabel train --resume {self._start.folder}",)

    def _titles(self) -> dict[str, str]:
        """Each score's title with the direction in which it gets better."""
        if self._start is None:
            return {}
        prepared = self._start.prepared
        statistics = prepared.task.statistics(prepared.class_counts, prepared.config.groups)
        return {statistic.name: f"{statistic.title} {ARROWS[statistic.better]}" for statistic in statistics}


def scores_table(scores: Mapping[str, Any], titles: Mapping[str, str], after_title: str) -> str:
    """Scores on the test split, with a second column where a temperature was fitted."""
    before, after = scores["before"], scores["after"]
    rows = [("test split", "before" if after else "score", after_title if after else "")]
    rows += [
        (titles.get(name, name), number(value), number(after[name]) if after else "") for name, value in before.items()
    ]
    width = max(len(row[0]) for row in rows)
    return "\n".join(f"{name:<{width}}  {first:>8}  {second:>8}".rstrip() for name, first, second in rows)


def _temperature(cell: Mapping[str, Any]) -> str:
    flag = f" ({cell['temperature_flag']})" if cell["temperature_flag"] else ""
    return f"after temperature {number(cell['temperature'])} {interval(cell['temperature_interval'])}{flag}"
