"""Standard input, output and error as a shell may hand them over: closed, full, or with a reader who leaves."""

from __future__ import annotations

import os
import sys

from softlabel.errors import ConfigError


def open_closed_streams() -> None:
    """Put the null device in the place of closed streams, so that no file that is opened later is taken for one.

    Raises ConfigError when standard output was closed: what a command has to say would be lost.
    """
    closed = [number for number in (0, 1, 2) if not _is_open(number)]
    for _ in closed:  # each gets the lowest number that is free
        os.open(os.devnull, os.O_RDWR)
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 (open as long as the program runs)
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        raise ConfigError("standard output is closed; send it to a file, or to /dev/null")


def drop_output() -> None:
    """Let what is still to be written go nowhere: the reader has left, or the disk is full."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def refuse_no_folder() -> None:
    """Raise ConfigError when the current folder has been removed: every relative path would lead nowhere."""
    try:
        os.getcwd()
    except OSError:
        raise ConfigError("the current folder does not exist any more; go to another one (cd)") from None


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
