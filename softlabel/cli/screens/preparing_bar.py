"""A bar for what is done before the first step, such as computing features of all images."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TextIO

from softlabel.cli.screens.understood import line
from softlabel.training.progress import LINE_SECONDS

QUIET_SECONDS = 0.5
"""Before a bar is drawn on a terminal."""
QUIET_LOG_SECONDS = 10.0
"""Before a log has a line."""


class PreparingBar:
    """One bar after the other on a terminal; elsewhere a line for each work, and one a minute.

    What takes less than half a second, or ten in a log, is not shown.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._what = ""
        self._begun = False
        self._quiet = QUIET_SECONDS if stream.isatty() else QUIET_LOG_SECONDS
        self._since = self._last = 0.0
        self._bar: Any = None

    def show(self, what: str, done: int, total: int) -> bool:
        """So many of the work are done. True once for each work that takes long enough to be shown."""
        if what != self._what:
            self.close()
            self._what, self._since = what, self._clock()
        begins = not self._begun and self._clock() - self._since >= self._quiet
        if begins:
            self._begun = True
            self._begin(what, total)
        if self._bar is not None:
            self._bar.update(done - self._bar.n)
        elif self._begun and done < total and self._clock() - self._last >= LINE_SECONDS:
            self._write(f"{done:,} of {total:,}")
        return begins

    def close(self) -> None:
        """Leave the last bar as it stands."""
        if self._bar is not None:
            self._bar.close()
        self._bar, self._what, self._begun = None, "", False

    def _begin(self, what: str, total: int) -> None:
        if not self._stream.isatty():
            self._write(f"{what}, {total:,} in all")
            return
        from tqdm import tqdm

        self._bar = tqdm(
            total=total,
            file=self._stream,
            bar_format=line("prepare", "{percentage:3.0f}% [{bar:20}] {desc}  {rate_noinv_fmt}  left {remaining}"),
            desc=what,
            unit=" images",
            dynamic_ncols=True,
            ascii=".#",
        )

    def _write(self, text: str) -> None:
        self._last = self._clock()
        self._stream.write(line("prepare", text) + "\n")
        self._stream.flush()
