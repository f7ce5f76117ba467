"""Every number that an option takes has a smallest and a largest value."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, Field

from softlabel.cli.configuring.parser import Bounded
from softlabel.cli.main import COMMANDS
from softlabel.experiments.config import CompareConfig
from softlabel.methods.base.discovery import find_method, method_names
from softlabel.training.config import RunConfig

MODELS: dict[str, type[BaseModel]] = {
    "train": RunConfig,
    "compare": CompareConfig,
    **{name: find_method(name).Config for name in method_names()},
}


def unbounded(schema: Any, place: str) -> Iterator[str]:
    """Places of numbers without a bound on either side, and of lists of numbers without a largest length."""
    if isinstance(schema, dict):
        kind = schema.get("type")
        if kind in ("integer", "number") and "enum" not in schema and "const" not in schema:
            for names in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
                if not any(name in schema for name in names):
                    side = "ge or gt" if "minimum" in names else "le or lt"
                    yield f"{place}: a number without {side}; kinds of bounded numbers are in softlabel/bounds.py"
        numbers = kind == "array" and schema.get("items", {}).get("type") in ("integer", "number")
        if numbers and "maxItems" not in schema:
            yield f"{place}: a list of numbers without max_length"
        for name, part in schema.items():
            parts = part.values() if name in ("properties", "$defs") else part if isinstance(part, list) else [part]
            names = list(part) if name in ("properties", "$defs") else [""] * len(list(parts))
            for inner, one in zip(names, parts, strict=True):
                yield from unbounded(one, ".".join(filter(None, [place, inner])))


@pytest.mark.parametrize("name", MODELS)
def test_every_number_of_a_configuration_is_bounded(name: str) -> None:
    assert list(unbounded(MODELS[name].model_json_schema(), name)) == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_number_of_a_command_is_bounded(name: str) -> None:
    parser: argparse.ArgumentParser = importlib.import_module(f"softlabel.cli.commands.{name}").parser()
    bare = [action.dest for action in parser._actions if action.type in (int, float)]
    assert bare == [], f"{name}: give these type=Bounded(int or float, low, high): {bare}"
    assert all(action.type.low < action.type.high for action in parser._actions if isinstance(action.type, Bounded))


def test_the_law_sees_what_is_endless() -> None:
    class Endless(BaseModel):
        count: int = Field(1, ge=1)
        rate: float | None = Field(None, le=3)
        free: list[int] = [1]

    found = list(unbounded(Endless.model_json_schema(), ""))
    assert [line.split(":")[0] for line in found] == ["count", "rate", "free", "free", "free"]
