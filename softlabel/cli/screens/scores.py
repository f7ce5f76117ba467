"""A table of scores before and after temperature, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from softlabel.report.comparison import ARROWS
from softlabel.text.numbers import interval, number


def scores_table(
    before: Mapping[str, Any],
    after: Mapping[str, Any] | None,
    titles: Mapping[str, tuple[str, str]],
    after_title: str,
    split: str,
) -> str:
    """A line a score; with a second column where there is a temperature.

    titles   each score's title, and whether higher or lower is better
    """
    rows = [(split, "before", after_title) if after is not None else (split, "score", "")]
    for name, value in before.items():
        title, better = titles.get(name, (name, ""))
        second = number(after[name]) if after is not None else ""
        rows.append((f"{title} {ARROWS.get(better, '')}".rstrip(), number(value), second))
    width = max(len(title) for title, _, _ in rows)
    return "\n".join(f"{title:<{width}}  {first:>8}  {second:>8}".rstrip() for title, first, second in rows)


def temperature_title(temperature: float, bounds: Sequence[float] | None, flag: str | None) -> str:
    """The heading of the second column: the temperature, its interval, and what is odd about it."""
    return f"after temperature {number(temperature)} {interval(bounds)}".rstrip() + (f" ({flag})" if flag else "")
