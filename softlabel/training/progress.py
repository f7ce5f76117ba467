"""Progress of a run: one bar on a terminal, whole lines through a pipe."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from softlabel.data.reading.told import Told

if TYPE_CHECKING:  # progress is shown by code that has not imported torch yet
    from softlabel.tasks.prepared import Prepared

ReadTerms = Callable[[], Mapping[str, float]]
"""Reads the running means of the loss terms; on a GPU it waits for it, so it is called only when something is shown."""

Preparing = Told
"""Is told what is being prepared, how much of it is done, and how much there is."""

REFRESH_SECONDS = 0.5
LINE_SECONDS = 60.0
MOST_EPOCH_LINES = 100
MOST_WAITING_LINES = 100


def line_seconds(elapsed: float, left: float) -> float:
    """How long a log may be silent: a minute, or a hundredth of a run that takes longer than a hundred minutes."""
    return max(LINE_SECONDS, (elapsed + left) / MOST_WAITING_LINES)


@dataclass(frozen=True)
class RunStart:
    """What is known when training starts.

    images, epochs   samples and epochs that the whole run will see, over all stages
    images_done      samples that it saw before it was resumed
    precision        fp32 or bf16, as asked for or as measured
    notes            what the method says of its cost, and of the data
    """

    folder: Path
    prepared: Prepared
    images: int
    images_done: int
    epochs: int
    resumed: bool
    precision: str
    notes: Sequence[str] = ()


class Progress:
    """What a run tells about its progress; nothing of it is shown but what a subclass shows."""

    def begin(self, start: RunStart) -> None:
        """Everything was understood and checked; training starts."""

    def preparing(self, what: str, done: int, total: int) -> None:
        """Work before the first step, such as features of images that all epochs read."""

    def ready(self, features: Path) -> None:
        """The first step comes next.

        features   folder in which what a frozen part makes of the samples is kept
        """

    def step(self, images: int, terms: ReadTerms) -> None:
        """A step is done."""

    def epoch(self, record: Mapping[str, Any]) -> None:
        """An epoch is done; its record as in metrics.jsonl."""

    def message(self, text: str) -> None:
        """Something to say besides, such as that the machine is not the one on which the run began."""

    def end(self) -> None:
        """Training is over, or was interrupted."""


class Bar(Progress):
    """One tqdm bar over all epochs, with the loss terms, images/s and the time left."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._waiting = 0
        self._shown = 0.0
        self._bar: Any = None

    def begin(self, start: RunStart) -> None:
        from tqdm import tqdm

        self._bar = tqdm(
            total=start.images,
            initial=start.images_done,
            file=self._stream,
            unit=" images",
            bar_format="{percentage:3.0f}% [{bar:24}] {desc}  {rate_noinv_fmt}  left {remaining}{postfix}",
            dynamic_ncols=True,
            ascii=".#",
        )

    def step(self, images: int, terms: ReadTerms) -> None:
        self._waiting += images
        now = time.monotonic()
        if now - self._shown >= REFRESH_SECONDS:
            self._shown = now
            self._bar.set_postfix_str(_numbers(terms()), refresh=False)
            self._advance()

    def epoch(self, record: Mapping[str, Any]) -> None:
        self._bar.set_description_str(_place(record), refresh=False)
        self._advance()

    def message(self, text: str) -> None:
        from tqdm import tqdm

        tqdm.write(text, file=self._stream)

    def end(self) -> None:
        if self._bar is not None:
            self._advance()
            self._bar.close()

    def _advance(self) -> None:
        self._bar.update(self._waiting)
        self._waiting = 0


class Lines(Progress):
    """For logs and pipes: at most a line an epoch and a hundred of them in all, and one when it was silent too long."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock

    def begin(self, start: RunStart) -> None:
        self._images, self._seen, self._seen_at_start = start.images, start.images_done, start.images_done
        self._start = self._last = self._clock()
        self._every = -(-start.epochs // MOST_EPOCH_LINES)
        self._epoch = 0

    def step(self, images: int, terms: ReadTerms) -> None:
        self._seen += images
        now = self._clock()
        if now - self._last >= line_seconds(now - self._start, self._left(now)):
            self._write(f"{self._seen:,} of {self._images:,} images  {_numbers(terms())}")

    def epoch(self, record: Mapping[str, Any]) -> None:
        self._epoch += 1
        if self._epoch % self._every == 0 or self._seen >= self._images:
            validation = _numbers(dict(list(record["validation"].items())[:2]))
            self._write(
                f"{_place(record)}  {_numbers(record['terms'])}" + (f"  validation {validation}" if validation else "")
            )

    def message(self, text: str) -> None:
        self._stream.write(f"{text}\n")

    def end(self) -> None:
        self._stream.flush()

    def _write(self, text: str) -> None:
        self._last = self._clock()
        left = _duration(self._left(self._last))
        self._stream.write(f"{text}  {self._rate(self._last):,.0f} images/s  left {left}\n")
        self._stream.flush()

    def _rate(self, now: float) -> float:
        return (self._seen - self._seen_at_start) / max(1e-9, now - self._start)

    def _left(self, now: float) -> float:
        return max(0, self._images - self._seen) / max(1e-9, self._rate(now))


def progress_for(stream: TextIO) -> Progress:
    """A bar on a terminal, lines anywhere else."""
    return Bar(stream) if stream.isatty() else Lines(stream)


def _place(record: Mapping[str, Any]) -> str:
    return f"{record['stage']} {record['epoch']}/{record['epochs']}"


def _numbers(values: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in values.items() if value is not None)


def _duration(seconds: float) -> str:
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"
