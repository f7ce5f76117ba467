"""Every text of a JSON value by its place, and every kind of place that holds one."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

Place = tuple[str | int, ...]


def texts(value: Any, place: Place = ()) -> Iterator[Place]:
    """Places of all texts in values."""
    if isinstance(value, str):
        yield place
    elif isinstance(value, (dict, list)):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from texts(part, (*place, key))


def kinds(value: Any) -> list[Place]:
    """One place of each kind: lists are looked into once, as their entries are alike."""
    first = {
        tuple(None if isinstance(key, int) else key for key in place): place for place in reversed(list(texts(value)))
    }
    return list(reversed(first.values()))


def changed(value: Any, place: Place, text: str) -> Any:
    """A copy with another text in one place."""
    result = copy.deepcopy(value)
    part = result
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = text
    return result
