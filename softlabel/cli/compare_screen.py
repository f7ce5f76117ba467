"""What `softlabel compare` shows: what was understood, one bar for all runs, and the table at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from softlabel.cli.console import Console
from softlabel.cli.understood import folder_line, line, understood
from softlabel.experiments.cells import Cell
from softlabel.experiments.config import CompareConfig
from softlabel.report.numbers import duration
from softlabel.training.prepare import Prepared

LINE_SECONDS = 60.0
MOST_LINES = 100
REFRESH_SECONDS = 0.5


class CompareScreen:
    """The progress of a comparison, on a screen or as events; a `with` block adds to Ctrl-C how to go on."""

    def __init__(self, console: Console, config: CompareConfig, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._config = config
        self._clock = clock
        self._begun = False
        self._bar: Any = None

    def begin(self, folder: Path, prepared: Prepared, cells: Sequence[Cell], jobs: int) -> None:
        self._begun = True
        self._start = self._last = self._clock()
        self._finished = {cell.name for cell in cells if cell.finished}
        self._done_at_start = self._done(cells)
        self._every = -(-len(cells) // MOST_LINES)
        self._console.event(
            "begin", folder=str(folder.resolve()), rows=prepared.rows, runs=[cell.name for cell in cells], jobs=jobs
        )
        say = self._console.say
        say(folder_line(folder))
        say(understood(prepared, self._config.network, self._config.training))
        methods, seeds = self._config.comparison.methods, self._config.comparison.seed_list
        again = f"; {len(self._finished)} are finished already" if self._finished else ""
        say(line("plan", f"{len(methods)} methods x {len(seeds)} seeds, {jobs} at a time{again}"))
        say(line("", "Ctrl-C is safe: the same command goes on."))
        if self._console.words.isatty():
            from tqdm import tqdm

            layout = "[{bar:24}] {percentage:3.0f}%  left {remaining}  {desc}"
            self._bar = tqdm(
                total=self._total(cells),
                initial=self._done_at_start,
                file=self._console.words,
                bar_format=layout,
                ascii=".#",
                ncols=self._console.width,
                mininterval=REFRESH_SECONDS,
            )
            self._bar.set_description_str(self._place(cells))

    def update(self, cells: Sequence[Cell]) -> None:
        """Show how far the runs are; a line for each that has finished, or one a minute, where there is no terminal."""
        news = [cell for cell in cells if cell.name not in self._finished and cell.finished]
        for cell in news:
            self._finished.add(cell.name)
            self._console.event("run", name=cell.name, method=cell.method, seed=cell.seed)
        if self._bar is not None:
            self._bar.set_description_str(self._place(cells), refresh=False)
            self._bar.update(self._done(cells) - self._bar.n)
        elif (news and len(self._finished) % self._every == 0) or self._clock() - self._last >= LINE_SECONDS:
            self._last = self._clock()
            self._console.say(f"{self._place(cells)}{self._left(cells)}")

    def end(self) -> None:
        if self._bar is not None:
            self._bar.close()

    def finished(self, folder: Path, results: dict[str, Any]) -> None:
        """The table, the verdict, the report, and what to do next."""
        from softlabel.report.terminal import comparison_table

        console, say = self._console, self._console.say
        say("")
        say(comparison_table(results, console.width, console.colour, console.unicode))
        say(line("report", str(folder / "report.html")))
        if results["verdict"]["kept"] is not None:
            say(line("next", f"softlabel predict {folder} IMAGE"))
        say(folder_line(folder))
        self._console.event("result", folder=str(folder.resolve()), results=results)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
        go_on = "To go on: the same command again; finished runs are not repeated"
        if isinstance(error, KeyboardInterrupt) and self._begun:
            error.args = (go_on,)
        elif isinstance(error, OSError) and self._begun:
            error.add_note(go_on)

    def _total(self, cells: Sequence[Cell]) -> int:
        return sum(cell.config.training.epochs for cell in cells)

    def _done(self, cells: Sequence[Cell]) -> int:
        """Epochs done, of all runs; a run that has its result counts whole."""
        return sum(
            cell.config.training.epochs
            if cell.name in self._finished
            else min(cell.epochs_done(), cell.config.training.epochs)
            for cell in cells
        )

    def _place(self, cells: Sequence[Cell]) -> str:
        running = [cell for cell in cells if cell.name not in self._finished and cell.epochs_done()]
        now = (
            f"  {running[0].name} epoch {running[0].epochs_done()}/{running[0].config.training.epochs}"
            if running
            else ""
        )
        return f"{len(self._finished)}/{len(cells)} runs{now}"

    def _left(self, cells: Sequence[Cell]) -> str:
        done, total = self._done(cells), self._total(cells)
        if done <= self._done_at_start:
            return ""
        rate = (done - self._done_at_start) / max(1e-9, self._clock() - self._start)
        return f"  {done / total:.0%}  left {duration((total - done) / rate)}"
