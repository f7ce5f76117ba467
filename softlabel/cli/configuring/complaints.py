"""What is wrong in a configuration: one line per key, in the words of the model's own limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from softlabel.cli.configuring.options import Option, options_of
from softlabel.cli.configuring.schema_words import alternatives, shown
from softlabel.text.words import nearest

SHOWN_AT_ONCE = 6
Key = tuple[str | None, str]
"""A field's group, None for the model's own fields, and its name."""


@dataclass(frozen=True)
class Spelling:
    """How a key is written where it was given: `full` says where that is, `short` is enough beside a full one."""

    full: Callable[[str | None, str], str]
    short: Callable[[str | None, str], str]


def in_file(path: Path, table: str | None = None) -> Spelling:
    """Keys of a TOML file; with `table` the model is that table and not the whole file."""

    def full(group: str | None, name: str) -> str:
        place = table or group
        return f"{path}, [{place}] {name}" if place else f"{path}, {name}"

    return Spelling(full, lambda _, name: name)


def by_hand(spell: Callable[[str], str], prefix: str = "") -> Spelling:
    """Flags or keywords, which are written without their group."""

    def full(group: str | None, name: str) -> str:
        return spell(f"{group}.{name}" if group == "methods" else prefix + name)

    return Spelling(full, full)


def complaints(error: ValidationError, model: type[BaseModel], values: Mapping[str, Any], spelling: Spelling) -> str:
    """All that pydantic found, a line per key."""
    options = {(option.group, option.name): option for option in options_of(model)}
    lines: dict[Key, str] = {}
    for item in error.errors(include_url=False):
        key = _key(item["loc"], options)
        lines.setdefault(key, _complaint(item, key, options, values, spelling))
    return several(list(lines.values()))


def several(lines: list[str]) -> str:
    """The first lines, and how many there are besides."""
    rest = len(lines) - SHOWN_AT_ONCE
    return "\n".join(lines[:SHOWN_AT_ONCE] + ([f"… and {rest} more"] if rest > 0 else []))


def unknown(spelling: Spelling, key: Key, options: Mapping[Key, Option]) -> str:
    """A key that the model does not have, with the one that was probably meant."""
    group, name = key
    here = [other for place, other in options if place == group] + ([] if group else sorted(_tables(options)))
    elsewhere = {other: place for place, other in options}
    near = nearest(name, here)
    if name in elsewhere:
        place = elsewhere[name]
        hint = f"; {name} belongs " + (f"into the table [{place}]" if place else "to the top, before all tables")
    elif near:
        hint = f"; did you mean {spelling.short(group, near)}{_default_of(options.get((group, near)))}?"
    elif near := nearest(name, elsewhere):
        table = f" in the table [{elsewhere[near]}]" if elsewhere[near] else ""
        hint = f"; did you mean {near}{table}{_default_of(options[elsewhere[near], near])}?"
    else:
        hint = "; the keys here are " + ", ".join(spelling.short(group, other) for other in here) if here else ""
    return f"{spelling.full(group, name)}: there is no such option{hint}"


def _default_of(option: Option | None) -> str:
    """The default as the help has it; nothing for a table, and where no value is the default."""
    return option.default_note if option else ""


def _tables(options: Mapping[Key, Option]) -> set[str]:
    return {group for group, _ in options if group} | {"methods"}


def _key(location: tuple[int | str, ...], options: Mapping[Key, Option]) -> Key:
    path = [str(part) for part in location]
    if len(path) > 1 and path[0] in _tables(options):
        return path[0], path[1]
    return None, path[0] if path else ""


def _complaint(
    item: Any, key: Key, options: Mapping[Key, Option], values: Mapping[str, Any], spelling: Spelling
) -> str:
    group, name = key
    if item["type"] == "extra_forbidden":
        return unknown(spelling, key, options)
    if item["type"] in ("value_error", "assertion_error"):
        return _own_words(str(item["ctx"]["error"]), spelling, group or name or None)
    if key in options:
        given = (values.get(group, {}) if group else values).get(name)
        return wrong_value(spelling.full(*key), options[key], given)
    if group == "methods" or name in _tables(options):
        return f"{spelling.full(*key)} must be a table"
    return f"{spelling.full(*key)}: {item['msg'].lower()}"


def wrong_value(label: str, option: Option, given: Any) -> str:
    """A value that the option cannot take; of several choices the one that was probably meant."""
    choices = [choice for kind in alternatives(option.schema) for choice in kind.get("enum", [])]
    near = nearest(given, [choice for choice in choices if choice[:1] == given[:1]]) if isinstance(given, str) else None
    return f"{label} must be {option.expectation}, not {_quoted(given)}" + (f"; did you mean {near}?" if near else "")


def _own_words(message: str, spelling: Spelling, group: str | None) -> str:
    """The message of a model's own check; one that starts with a field's name gets the name as the reader knows it."""
    name, colon, rest = message.partition(": ")
    return f"{spelling.full(group, name)}: {rest}" if colon and name.isidentifier() else message


def _quoted(value: Any) -> str:
    """The value as it was given, cut when it is long."""
    if isinstance(value, (list, tuple)):
        text = shown(value) or "an empty list"
    else:
        text = repr(value) if isinstance(value, str) else str(value).lower()
    return text if len(text) <= 60 else text[:57] + "..."
