"""What `softlabel compare` shows: what was understood, one bar for all runs, and the table at the end."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from softlabel.cli.screens.console import Console
from softlabel.cli.screens.plan import standings, time_left
from softlabel.cli.screens.preparing_bar import PreparingBar
from softlabel.cli.screens.understood import folder_line, line, understood
from softlabel.data.reading.told import told_to
from softlabel.experiments.cells import Cell
from softlabel.experiments.compare import CompareProgress
from softlabel.experiments.config import CompareConfig
from softlabel.tasks.prepared import Prepared
from softlabel.text.numbers import bytes_of
from softlabel.text.words import counted, remaining, roughly
from softlabel.training.progress import REFRESH_SECONDS, line_seconds

MOST_LINES = 100
BAR = "[{bar:20}] {desc}"


class CompareScreen(CompareProgress):
    """The progress of a comparison, on a screen or as events; a `with` block adds to Ctrl-C how to go on."""

    def __init__(self, console: Console, config: CompareConfig, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._config = config
        self._clock = clock
        self._begun = False
        self._preparing = PreparingBar(console.words)
        self._bar: Any = None

    def begin(
        self, folder: Path, prepared: Prepared, cells: Sequence[Cell], jobs: int, notes: Sequence[str] = ()
    ) -> None:
        self._begun = True
        self._preparing.close()
        self._cells = cells
        self._finished = {cell.name for cell in cells if cell.finished}
        self._failed: set[str] = set()
        self._every = -(-len(cells) // MOST_LINES)
        self._console.event(
            "begin", folder=str(folder.resolve()), rows=prepared.rows, runs=[cell.name for cell in cells], jobs=jobs
        )
        say = self._console.say
        say(folder_line(folder))
        say(understood(prepared, self._config.network, self._config.training))
        for note in notes:
            say(line("note", note))

    def preparing(self, what: str, done: int, total: int) -> None:
        if self._preparing.show(what, done, total):
            self._console.event("preparing", what=what, total=total)

    def message(self, text: str) -> None:
        self._console.say(line("note", text))

    def ready(self, cells: Sequence[Cell], prepared: Prepared, jobs: int) -> None:
        self._preparing.close()
        self._left = time_left(cells, prepared, jobs, self._clock)
        self._start = self._last = self._clock()
        self._console.event("plan", seconds=None if self._left is None else self._left.seconds())
        self._console.say(line("plan", self._plan(jobs)))
        if self._console.words.isatty():
            self._bar = self._new_bar()
            self._draw()

    def update(self, cells: Sequence[Cell]) -> None:
        """Show how far the runs are; a line for each that has finished, or one a minute, where there is no terminal."""
        news = [cell for cell in cells if cell.name not in self._finished and cell.finished]
        for cell in news:
            self._finished.add(cell.name)
            self._console.event("run", name=cell.name, method=cell.method, seed=cell.seed)
        if self._left is not None:
            self._left.update(standings(cells, self._failed))
        if self._bar is not None:
            if news or self._clock() - self._last >= REFRESH_SECONDS:
                self._draw()
        elif (news and len(self._finished) % self._every == 0) or self._silent():
            self._last = self._clock()
            self._console.say(self._progress())

    def failed(self, cell: Cell, reason: str) -> None:
        """Say at once which run has no result, and why; the others go on."""
        self._failed.add(cell.name)
        if self._left is not None:
            self._left.update(standings(self._cells, self._failed))
        self._console.event("failed", name=cell.name, method=cell.method, seed=cell.seed, reason=reason)
        text = line("failed", f"{cell.method}, seed {cell.seed}: {reason}")
        if self._bar is not None:
            self._bar.write(text, file=self._console.words)
        else:
            self._console.say(text)

    def end(self) -> None:
        if self._bar is not None:
            self._draw()
            self._bar.close()

    def finished(self, folder: Path, results: dict[str, Any]) -> None:
        """The table, the verdict, the report, and what to do next."""
        from softlabel.report.terminal import comparison_table

        console, say = self._console, self._console.say
        report = folder / "report.html"
        say("")
        say(comparison_table(results, console.width, console.colour, console.unicode))
        say(line("report", f"{report} ({bytes_of(report.stat().st_size)}, offline)"))
        if results["verdict"]["kept"] is not None:
            say(line("next", f"softlabel predict {shlex.quote(str(folder))} INPUT"))
        say(folder_line(folder))
        self._console.event("result", folder=str(folder.resolve()), results=results)

    def __enter__(self) -> Self:
        self._reading = told_to(self.preparing)
        self._reading.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reading.__exit__(kind, error, trace)
        self._preparing.close()
        if self._bar is not None:
            self._bar.close()
        go_on = "To go on: the same command again; finished runs are not repeated"
        if isinstance(error, KeyboardInterrupt) and self._begun:
            error.args = (go_on,)
        elif isinstance(error, OSError) and self._begun:
            error.add_note(go_on)

    def _plan(self, jobs: int) -> str:
        comparison = self._config.comparison
        runs = f"{counted(len(comparison.methods), 'method')} x {counted(len(comparison.seed_list), 'seed')}"
        done = f", {len(self._finished)} of the runs finished already" if self._finished else ""
        cost = "time not known yet" if self._left is None else f"about {roughly(self._left.seconds())}"
        return f"{runs}, {jobs} at a time{done}: {cost}; Ctrl-C is safe"

    def _new_bar(self) -> Any:
        from tqdm import tqdm

        return tqdm(
            total=1.0,
            file=self._console.words,
            bar_format=BAR,
            ascii=".#",
            ncols=self._console.width,
        )

    def _draw(self) -> None:
        self._last = self._clock()
        self._bar.n = self._share()
        self._bar.set_description_str(self._progress())

    def _progress(self) -> str:
        """How much is done, what is left, and where it stands, the most important first."""
        cells, ended = self._cells, len(self._finished) + len(self._failed)
        open_ = ended < len(cells)
        left = f"left {remaining(self._left.seconds())}" if open_ and self._left is not None else ""
        running = [cell for cell in cells if cell.name not in self._finished | self._failed and cell.epochs_done()]
        now = (
            f"{running[0].method} seed {running[0].seed} epoch {running[0].epochs_done()}" if running and open_ else ""
        )
        parts = [f"{self._share():4.0%}", left, f"{ended}/{len(cells)} runs", now]
        return "  ".join(filter(None, parts))

    def _share(self) -> float:
        if self._left is not None:
            return self._left.share()
        return (len(self._finished) + len(self._failed)) / len(self._cells)

    def _silent(self) -> bool:
        """True when a log has waited long enough for a line."""
        now = self._clock()
        left = 0.0 if self._left is None else self._left.seconds()
        return now - self._last >= line_seconds(now - self._start, left)
