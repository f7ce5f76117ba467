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
    constant: Mapping[str, Any] | None = None,
) -> str:
    """A line a score; with a second column where there is a temperature.

    constant   the scores of an answer that never looks at the input, in a column before them
    titles   each score's title, and whether higher or lower is better
    """
    heading = ["before", after_title] if after is not None else ["score"]
    rows = [[split, *(["constant"] if constant else []), *heading]]
    for name, value in before.items():
        if value is None and (after is None or after[name] is None):
            continue  # there is nothing that it could be said of, such as rare classes
        title, better = titles.get(name, (name, ""))
        numbers = [*([constant.get(name)] if constant else []), value, *([after[name]] if after is not None else [])]
        rows.append([f"{title} {ARROWS.get(better, '')}".rstrip(), *map(number, numbers)])
    width = max(len(title) for title, *_ in rows)
    lines = ["  ".join([f"{title:<{width}}", *(f"{one:>8}" for one in numbers)]).rstrip() for title, *numbers in rows]
    return "\n".join(lines)


def temperature_title(temperature: float, bounds: Sequence[float] | None, flag: str | None) -> str:
    """The heading of the second column: the temperature, its interval, and what is odd about it."""
    return f"after temperature {number(temperature)} {interval(bounds)}".rstrip() + (f" ({flag})" if flag else "")
