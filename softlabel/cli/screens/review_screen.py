"""What `softlabel review` shows: what will be trained, one bar over all folds, and the rows to look at."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from softlabel.analysis.cross_fitting import FoldProgress
from softlabel.analysis.strength import SUSPECTED
from softlabel.cli.screens.console import Console
from softlabel.cli.screens.plan import tried
from softlabel.cli.screens.preparing_bar import PreparingBar
from softlabel.cli.screens.understood import folder_line, line
from softlabel.text.numbers import share
from softlabel.text.visible import shortened
from softlabel.text.words import counted, roughly
from softlabel.training.progress import Progress, ReadTerms, RunStart, progress_for

if TYPE_CHECKING:
    from softlabel.analysis.folds import Folds
    from softlabel.analysis.review import Review
    from softlabel.training.config import RunConfig

LISTED = 10
NAME_WIDTH = 16
PLACE_WIDTH = 26


class ReviewScreen(FoldProgress):
    """The progress of cross-fitting; a `with` block adds to Ctrl-C how to go on."""

    def __init__(self, console: Console, run: Path) -> None:
        self.words = console.words
        self._console = console
        self._run = run
        self._bar: Progress | None = None
        self._begun = False
        self._count = self._finished = 0

    def begin(self, folds: Folds, config: RunConfig, finished: int) -> None:
        self._count, self._finished, self._begun = folds.count, finished, True
        say = self._console.say
        say(folder_line(self._run))
        say(line("data", f"{config.data.source}: {len(folds.reviewed):,} rows to judge; test rows are not among them"))
        recipe = f"{config.method}, seed {config.seed}, {counted(config.training.epochs, 'epoch')}"
        say(line("folds", f"{folds.count} x {recipe}, each without a part of the rows"))
        left = folds.count - finished
        known = left and config.network.trainable == "all"  # a frozen part is computed once, which takes the time
        cost = tried(config, folds[0]) if known else None
        about = "time not known yet" if cost is None else f"about {roughly(left * cost.total)}"
        going_on = f"; {finished} of {counted(folds.count, 'fold')} are trained already" if finished else ""
        if left:
            say(line("plan", f"{about}{going_on}; Ctrl-C is safe, and the same command goes on"))

    def fold(self, number: int) -> Progress:
        return _Fold(self, number)

    def end(self) -> None:
        if self._bar is not None:
            self._bar.end()

    def begin_bar(self, start: RunStart) -> Progress:
        """The bar over all folds, which begins with the first fold that has anything left to train."""
        if self._bar is None:
            done = start.images * self._finished + start.images_done
            images, epochs = start.images * self._count, start.epochs * self._count
            self._bar = progress_for(self._console.words)
            self._bar.begin(dataclasses.replace(start, images=images, images_done=done, epochs=epochs))
        return self._bar

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        go_on = "Folds that are trained are kept; the same command goes on."
        if self._begun and isinstance(error, KeyboardInterrupt):
            error.args = (go_on,)
        elif self._begun and isinstance(error, OSError):
            error.add_note(go_on)


class _Fold(Progress):
    """The progress of one fold, in the bar of all."""

    def __init__(self, screen: ReviewScreen, place: int) -> None:
        self._screen = screen
        self._title = f"fold {place + 1}"
        self._bar = Progress()
        self._preparing = PreparingBar(screen.words)
        self._start: RunStart | None = None

    def begin(self, start: RunStart) -> None:
        self._start = start

    def preparing(self, what: str, done: int, total: int) -> None:
        self._preparing.show(f"{self._title}: {what}", done, total)

    def ready(self, features: Path) -> None:
        self._preparing.close()
        if self._start is not None:
            self._bar = self._screen.begin_bar(self._start)

    def step(self, images: int, terms: ReadTerms) -> None:
        self._bar.step(images, terms)

    def epoch(self, record: Mapping[str, Any]) -> None:
        self._bar.epoch({**record, "stage": f"{self._title} {record['stage']}"})

    def message(self, text: str) -> None:
        self._bar.message(text)

    def end(self) -> None:
        """The bar of all goes on with the next fold."""
        self._preparing.close()


def verdict_lines(summary: Mapping[str, Any], agreed: str) -> str:
    """How many labels are suspected, or why that is not counted, and how far the models know the labels."""
    agreeing = f"{agreed} are what the models find most probable"
    if summary["too_weak"] is None:
        suspected = line("labels", f"{summary['suspected']:,} of {summary['rows']:,} are suspected: {SUSPECTED}")
        return suspected + "\n" + line("", f"of all labels {agreeing}")
    why = line("labels", f"ranked, but none is counted as wrong: {summary['too_weak']}")
    return why + "\n" + line("", f"of {summary['rows']:,} labels {agreeing}")


def kind_title(review: Review, kind: str, rows: int) -> str:
    """The heading over rows of a kind, with their number where that means something."""
    if kind == "mislabelled" and review.too_weak:
        return "least probable labels, the least first (not counted as wrong)"
    return f"{kind} ({counted(rows, 'row')})"


def suspects_table(review: Review, positions: list[int]) -> str:
    """The first rows of a ranking, for a terminal."""
    rows = [("given", "p", "suggested", "p", "ambig.", "place")]
    for position in positions[:LISTED]:
        quality, shares = review.quality, review.fitted.probabilities[position]
        suggested = int(quality.suggested[position])
        rows.append(
            (
                shortened(review.class_names[review.given[position]], NAME_WIDTH),
                share(float(quality.confidence[position])),
                shortened(review.class_names[suggested], NAME_WIDTH),
                share(float(shares[suggested])),
                share(float(quality.ambiguity[position])),
                shortened(review.place(position), PLACE_WIDTH),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
