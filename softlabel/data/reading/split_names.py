"""The names by which people call the parts of a data set: one vocabulary for every source."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from softlabel.data.source import SPLIT_NAMES, TEST, TRAIN, VALIDATION
from softlabel.text.words import shown

WORDS: Mapping[int, tuple[str, ...]] = {
    TRAIN: ("train", "training"),
    VALIDATION: ("val", "valid", "validation", "dev", "eval", "evaluation"),
    TEST: ("test", "testing"),
}
"""`eval` is the part that a training is watched on, as beside train and test; it is always said how it was read."""
_PART_OF = {word: part for part, words in WORDS.items() for word in words}
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_UNSURE = ("eval", "evaluation")
ANY_WORD = "|".join(sorted(_PART_OF, key=len, reverse=True))
"""For patterns that find a word of the vocabulary in a file name; they ignore case."""


def part_named(name: str) -> int | None:
    """TRAIN, VALIDATION or TEST by the name, whatever its case and the spaces around it; None for any other name."""
    return _PART_OF.get(name.strip().lower())


def part_in(name: str) -> int | None:
    """The part that a word inside a name says ('seg_train', 'testSet', 'val2017'); None without one, or with two."""
    found = {part for word in _WORD.findall(name) if (part := part_named(word)) is not None}
    return found.pop() if len(found) == 1 else None


def named_twice(names: Iterable[str]) -> tuple[str, str, str] | None:
    """The first two names that mean one part, and that part; None where every part has one name."""
    first: dict[int, str] = {}
    for name in names:
        part = part_named(name)
        if part is not None and first.setdefault(part, name) != name:
            return first[part], name, SPLIT_NAMES[part]
    return None


def told_twice(names: Iterable[str], what: str) -> str | None:
    """The end of a refusal where two names mean one part: "'dev' and 'val' both name the validation part, …"."""
    twice = named_twice(names)
    if twice is None:
        return None
    first, second, part = twice
    return f"two {what} for one split: {shown(first)} and {shown(second)} both mean {part}, expected one of them"


def reading_notes(names: Iterable[str]) -> list[str]:
    """Which part was understood by names that are not used alike everywhere."""
    return [f"{shown(name)} is read as the validation part" for name in names if is_unsure(name)]


def is_unsure(name: str) -> bool:
    """Whether people mean different things by a name, so that a folder of it need not be a part."""
    return name.strip().lower() in _UNSURE
