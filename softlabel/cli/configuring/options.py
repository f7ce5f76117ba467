"""Options of the command line, made from the fields of the configuration models."""

from __future__ import annotations

import argparse
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from pydantic import BaseModel

from softlabel.cli.configuring.parser import spell_flag
from softlabel.cli.configuring.schema_words import Schema, alternatives, expectation, optional, shown
from softlabel.read_only_with import ReadOnlyWith, rules_of

WIDEST_CHOICES = 70
"""In columns of the help."""


@dataclass(frozen=True)
class Option:
    """One field of a configuration model. Field names are unique across the groups, so that flags need no prefix."""

    name: str
    group: str | None
    schema: Schema
    rules: tuple[ReadOnlyWith, ...] = ()

    @cached_property
    def flag(self) -> str:
        return spell_flag(self.name)

    @property
    def default(self) -> Any:
        return self.schema.get("default")

    @property
    def is_switch(self) -> bool:
        return self.schema.get("type") == "boolean"

    @property
    def is_list(self) -> bool:
        return any(kind.get("type") == "array" for kind in alternatives(self.schema))

    @property
    def only_lists(self) -> bool:
        return all(kind.get("type") == "array" for kind in alternatives(self.schema))

    @property
    def expectation(self) -> str:
        return expectation(self.schema)

    @property
    def metavar(self) -> str:
        """What stands for the value in the help; of many choices that is NAME, and the description lists them."""
        return self._choices if len(self._choices) <= WIDEST_CHOICES else "NAME"

    @property
    def _choices(self) -> str:
        kinds: list[str] = []
        for kind in alternatives(self.schema):
            choices = kind.get("enum", [kind["const"]] if "const" in kind else [])
            kinds += choices or [_placeholder(kind)]
        separator = "|" if self.is_list else ","
        return "{" + separator.join(kinds) + "}" if len(kinds) > 1 else kinds[0]

    @property
    def description(self) -> str:
        text = str(self.schema.get("description", ""))
        return text if self.metavar == self._choices else f"{text}: {self._choices.strip('{}').replace(',', ', ')}"

    @property
    def read_only_with(self) -> str:
        """What other options it is read only with, in words; empty where it always is."""
        return " and ".join(rule.need_spelled(spell_flag) for rule in self.rules)

    @property
    def told(self) -> str:
        """What it does, and what it is read only with."""
        return self.description + (f"; read only with {self.read_only_with}" if self.rules else "")

    @property
    def help(self) -> str:
        """All that the help says."""
        return self.told + self.default_note

    @property
    def default_note(self) -> str:
        """The default in brackets; nothing where that is no value, or a switch that is off."""
        default = self.default
        quiet = default is None or default == [] or (self.is_switch and not default)
        return "" if quiet else f" (default: {shown(default)})"

    def value(self, texts: list[str]) -> Any:
        """The value of the texts given on the command line, not yet validated; several texts are a list."""
        if len(texts) == 1 and texts[0] == "none" and optional(self.schema):
            return None
        if not self.is_list:
            return texts[-1]
        separator = "x" if _is_size(self.schema) and "," not in texts[-1] else ","
        if not self.only_lists and len(texts) == 1 and separator not in texts[0]:
            return texts[0]
        parts = [part.strip() for text in texts for part in text.split(separator)]
        if len(parts) > 1 and not parts[-1]:  # `5,` is a list of one
            parts.pop()
        return parts if any(parts) else texts[-1]


@cache
def options_of(model: type[BaseModel]) -> tuple[Option, ...]:
    """The options of a configuration model: its own plain fields, then those of its groups, in their order."""
    top = model.model_json_schema()["properties"]
    own = [
        Option(name, None, top[name], rules_of(model, name))
        for name in model.model_fields
        if name not in groups_of(model) and name != "methods"
    ]
    grouped = [
        Option(name, group, schema, rules_of(part, name))
        for group, part in groups_of(model).items()
        for name, schema in part.model_json_schema()["properties"].items()
    ]
    return (*own, *grouped)


def groups_of(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """The fields of a model that are models themselves."""
    kinds = {name: field.annotation for name, field in model.model_fields.items()}
    return {name: kind for name, kind in kinds.items() if isinstance(kind, type) and issubclass(kind, BaseModel)}


def add_options(parser: argparse._ActionsContainer, model: type[BaseModel], only: Container[str] | None = None) -> None:
    """Give the parser a flag for every field; a flag that was not given leaves no trace in the namespace.

    With `only` these fields, without their defaults: there, none of them is set unless it is given.
    """
    titles = {name: (part.__doc__ or name).rstrip(".") for name, part in groups_of(model).items()}
    groups = {group: parser.add_argument_group(f"{group}: {_lower(title)}") for group, title in titles.items()}
    for option in options_of(model):
        place = groups[option.group] if option.group else parser
        if only is None:
            _add_option(place, option, option.help)
        elif option.name in only:
            _add_option(place, option, option.told)


def _add_option(parser: argparse._ActionsContainer, option: Option, text: str) -> None:
    text = text.replace("%", "%%")
    if option.is_switch:
        parser.add_argument(option.flag, action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=text)
    else:
        parser.add_argument(
            option.flag,
            action="append",
            default=argparse.SUPPRESS,
            metavar=option.metavar.replace("%", "%%"),
            help=text,
        )


def given_options(namespace: argparse.Namespace, model: type[BaseModel]) -> dict[str, Any]:
    """Values of the flags that were given, by field name, as the command line spells them."""
    present = vars(namespace)
    return {
        option.name: present[option.name] if option.is_switch else option.value(present[option.name])
        for option in options_of(model)
        if option.name in present
    }


def nested(values: Mapping[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """Flat values put into the groups of the model; names it does not have stay at the top, to be refused there."""
    group_of = {option.name: option.group for option in options_of(model)}
    result: dict[str, Any] = {}
    for name, value in values.items():
        group = group_of.get(name)
        target = result.setdefault(group, {}) if group else result
        target[name] = value
    return result


def _placeholder(kind: Schema) -> str:
    match kind.get("type"):
        case "integer":
            return "N"
        case "number":
            return "X"
        case "array":
            places = kind.get("prefixItems")
            return ",".join(_placeholder(place) for place in places) if places else f"{_placeholder(kind['items'])},..."
    return "TEXT"


def _is_size(schema: Schema) -> bool:
    return any("prefixItems" in kind for kind in alternatives(schema))


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def iter_flags(model: type[BaseModel]) -> Iterator[str]:
    """Every flag of the model, the negative ones of switches too."""
    for option in options_of(model):
        yield option.flag
        if option.is_switch:
            yield "--no-" + option.flag[2:]
