"""Where words go: to stdout for people; with --json stdout carries JSON only, and words go to stderr."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from typing import Any, TextIO

from softlabel.runs.atomic import to_json


class Console:
    """The two ways out of a command."""

    def __init__(self, json_only: bool = False) -> None:
        self.json_only = json_only

    @property
    def words(self) -> TextIO:
        """The stream that people read."""
        return sys.stderr if self.json_only else sys.stdout

    def say(self, text: str = "") -> None:
        """Print text for people."""
        print(text, file=self.words, flush=True)

    def event(self, name: str, /, **values: Any) -> None:
        """With --json: one line that says what just happened."""
        if self.json_only:
            print(to_json({"event": name, **values}), flush=True)

    def document(self, value: Any) -> None:
        """Print one JSON document on stdout."""
        print(to_json(value, indent=1))

    @property
    def colour(self) -> bool:
        """True on a terminal that has not asked for none."""
        return self.words.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"

    @property
    def unicode(self) -> bool:
        """True where arrows and dashes can be shown."""
        return "utf" in (self.words.encoding or "utf-8").lower()

    @property
    def width(self) -> int:
        """Columns of the terminal; 80 where there is none."""
        return max(40, shutil.get_terminal_size((80, 24)).columns) if self.words.isatty() else 80


def wrapped(text: str, indent: str) -> list[str]:
    """The text in lines of at most 80 columns."""
    return textwrap.wrap(text, 80, initial_indent=indent, subsequent_indent=indent) or [indent]
