"""Writes a configuration as TOML, so that it can be given back. Reading is `tomllib`'s."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def to_toml(config: BaseModel) -> str:
    """The configuration with all its values, defaults too; what is None is left out, as TOML has no such value."""
    return "\n".join(_table(config.model_dump(mode="json", exclude_none=True), [])).strip() + "\n"


def _table(values: Mapping[str, Any], path: list[str]) -> list[str]:
    """A table's own keys first, then the tables below it."""
    plain = [f"{_key(key)} = {_value(value)}" for key, value in values.items() if not isinstance(value, Mapping)]
    header = ["", f"[{'.'.join(_key(part) for part in path)}]"] if path and (plain or not values) else []
    below = [
        line for key, value in values.items() if isinstance(value, Mapping) for line in _table(value, [*path, key])
    ]
    return header + plain + below


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _text(key)


def _value(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items()) + "}"
    return repr(value)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")  # the one escape that JSON does not ask for
