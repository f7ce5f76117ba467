"""How messages speak of values, words, numbers and times."""

from __future__ import annotations

import difflib
import numbers
from collections.abc import Iterable
from typing import Any


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The word that was probably meant, or None."""
    near = difflib.get_close_matches(word, list(words), n=1, cutoff=0.6)
    return near[0] if near else None


def counted(number: int, noun: str) -> str:
    """A number with its noun: 1 seed, 3 seeds."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def roughly(seconds: float) -> str:
    """A time that is only estimated, with no more digits than that deserves."""
    if seconds < 10:
        return f"{max(1, round(seconds))} s"
    if seconds < 90:
        return f"{5 * round(seconds / 5)} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 10 else f"{round(hours)} h"


def remaining(seconds: float) -> str:
    """A countdown: whole seconds, or minutes and seconds, or hours and minutes."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours} h {minute:02d} min" if hours else f"{minutes} min {second:02d} s" if minutes else f"{second} s"


def shown(value: Any) -> str:
    """A value as an error message shows it: on one line, text in quotes, at most 60 characters."""
    if value is None:
        return "an empty value"
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:57] + "...") if value else "an empty value"
    if isinstance(value, numbers.Real) and not isinstance(value, numbers.Integral):
        return f"{float(value):g}"
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def among(names: Iterable[str], limit: int = 12) -> str:
    """A list of names as an error message shows it."""
    names = list(names)
    more = f" and {len(names) - limit:,} more" if len(names) > limit else ""
    return ", ".join(shown(name) for name in names[:limit]) + more
