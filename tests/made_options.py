"""Configurations a few changes away from the default, for laws about options that are found by looking at fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from softlabel.cli.configuring.dead_options import refuse_dead_options
from softlabel.cli.configuring.options import Option, nested, options_of
from softlabel.cli.configuring.parser import spell_flag
from softlabel.cli.configuring.schema_words import Schema, alternatives
from softlabel.data.reading.open_source import list_sources
from softlabel.errors import ConfigError

Config = TypeVar("Config", bound=BaseModel)


def some_values(option: Option) -> list[Any]:
    """A few values other than the default that the option may take."""
    if option.name == "source":
        return [f"{kind}:x" for kind in list_sources()]
    values = [value for kind in alternatives(option.schema) for value in _values(kind, option.default)]
    return [value for value in values if value != option.default]


def _values(kind: Schema, default: Any) -> list[Any]:
    if "enum" in kind or "const" in kind:
        return list(kind.get("enum", [kind.get("const")]))
    match kind.get("type"):
        case "boolean":
            return [False, True]
        case "integer":
            return [kind["minimum"], kind["minimum"] + 1, kind["maximum"]]
        case "number":
            ends = [kind[end] for end in ("minimum", "maximum") if end in kind]
            return [*ends, default / 2 if isinstance(default, (int, float)) and default else 0.5]
        case "array":
            items = kind.get("prefixItems") or [kind["items"]]
            return [[_values(item, None)[-1] for item in items]]
        case "string":
            return ["x"]
    return []


def near(model: type[Config], *fixed: str) -> Iterator[Config]:
    """Valid configurations that differ from the default in up to three options, the nearest first; not in the fixed."""
    options = [option for option in options_of(model) if option.name not in fixed]
    changes = [(option.name, value) for option in options for value in some_values(option)]
    for count in range(4):
        for together in combinations(changes, count):
            values = dict(together)
            config = changed(model, values) if len(values) == count else None
            if config is not None:
                yield config


def changed(model: type[Config], values: Mapping[str, Any]) -> Config | None:
    """The configuration with these values; None where they cannot be together."""
    try:
        return model.model_validate(nested(values, model))
    except ValidationError:
        return None


def is_read(name: str, config: BaseModel) -> bool:
    """Whether a run of this configuration reads an option, as far as can be said without its source."""
    try:
        refuse_dead_options([name], config, spell_flag)
    except ConfigError:
        return False
    return True
