"""What an option takes, in words, and how a value of it is spelled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

_NUMBERS = {2: "two", 3: "three", 4: "four"}
_PLURAL = {"integer": "whole numbers", "number": "numbers", "string": "words"}


def alternatives(schema: Schema) -> list[Schema]:
    """The kinds of value that a JSON schema allows, without null."""
    return [kind for kind in schema.get("anyOf", [schema]) if kind.get("type") != "null"]


def optional(schema: Schema) -> bool:
    """True where a JSON schema allows null."""
    return any(kind.get("type") == "null" for kind in schema.get("anyOf", []))


def expectation(schema: Schema) -> str:
    """What a value must be, to follow the words 'must be'."""
    return " or ".join(_kind(kind) for kind in alternatives(schema)) + (", or none" if optional(schema) else "")


def _kind(schema: Schema) -> str:
    choices = schema.get("enum", [schema["const"]] if "const" in schema else [])
    if choices:
        return ("one of " if len(choices) > 1 else "") + ", ".join(map(str, choices))
    match schema.get("type"):
        case "boolean":
            return "true or false"
        case "integer":
            return "a whole number" + _bounds(schema)
        case "number":
            return "a number" + _bounds(schema)
        case "array":
            return _array(schema)
        case "object":
            return "a table"
    return "a text"


def _bounds(schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    parts = [
        f" from {_plain(low)}" if low is not None else "",
        f" above {_plain(above)}" if above is not None else "",
        f" {'and up ' if low is None else ''}to {_plain(high)}" if high is not None else "",
        f" below {_plain(below)}" if below is not None else "",
    ]
    lower, upper = parts[0] or parts[1], parts[2] or parts[3]
    return lower + (" and" if lower and parts[3] else "") + upper


def _plain(bound: float) -> str:
    return f"{int(bound):,}" if float(bound).is_integer() else f"{bound:g}"


def _array(schema: Schema) -> str:
    places = schema.get("prefixItems")
    if places:
        return f"{_NUMBERS.get(len(places), len(places))} {_PLURAL[places[0]['type']]}{_bounds(places[0])}"
    items = schema.get("items", {})
    most = f"at most {schema['maxItems']:,} " if "maxItems" in schema else ""
    return f"a list of {most}{_PLURAL.get(items.get('type'), 'values')}{_bounds(items)}"


def shown(value: Any) -> str:
    """A value as it is spelled on the command line."""
    if isinstance(value, (list, tuple)):
        return ",".join(shown(item) for item in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
