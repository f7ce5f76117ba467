"""Puts one configuration together: defaults, then a recipe, then what was given by hand."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from softlabel.bounded_files import MOST_TOML, one_line, parse_toml
from softlabel.cli.configuring.complaints import Spelling, by_hand, complaints, in_file, several, unknown, wrong_value
from softlabel.cli.configuring.dead_options import refuse_dead_options, refuse_undrawn_splits, refuse_unread
from softlabel.cli.configuring.options import add_options, given_options, nested, options_of
from softlabel.cli.configuring.other_words import another_command, meant, with_kind
from softlabel.cli.configuring.parser import METHOD_OPTIONS_HELP, Parser, spell_flag, take_method_options
from softlabel.errors import ConfigError, RunError
from softlabel.given_files import read_given
from softlabel.methods.base.discovery import find_method, method_names
from softlabel.text.words import nearest
from softlabel.training.config import Settings

NONE_HELP = """\
Lists are written with commas, or by giving the flag again. `none` unsets what a
recipe says, for options that have no default."""

if TYPE_CHECKING:
    from softlabel.methods.base.method import MethodConfig

Config = TypeVar("Config", bound=BaseModel)
Run = TypeVar("Run", bound=Settings)
LONGEST_TEXT = 4000


def assemble(
    model: type[Run],
    *,
    recipe: Path | None = None,
    given: Mapping[str, Any],
    methods: Mapping[str, Mapping[str, Any]],
    defaults: Mapping[str, Any] | None = None,
    spell: Callable[[str], str],
) -> Run:
    """The configuration of one command.

    recipe    a TOML file, or None
    given     fields by their names without group, as typed by hand; texts are converted
    methods   options of methods given by hand
    defaults  values that replace the model's own where neither recipe nor hand names a source
    spell     how a field's name is written where `given` comes from: --learning-rate, learning_rate

    Raises ConfigError with one line per mistake.
    """
    _refuse_unknown(model, given, spell)
    if isinstance(given.get("source"), str):
        given = {**given, "source": with_kind(given["source"])}
    from_file = _with_kind_of_source(read_recipe(recipe, model)) if recipe else {}
    hand = {**nested(given, model), **({"methods": methods} if methods else {})}
    source_named = "source" in given or "source" in from_file.get("data", {})
    values = merged(merged({} if source_named else defaults or {}, from_file), hand)
    config = validated(model, values, by_hand(spell))
    refuse_dead_options(given, config, spell)
    _check_methods(config, given, recipe, spell)
    left_out = _left_out(config, from_file)
    tables = {name: own for name, own in from_file.get("methods", {}).items() if name not in left_out}
    config = config.model_copy(update={"methods": merged(tables, methods)})
    config = _with_method_options(config, recipe, tables, methods, spell)
    _refuse_replaced(given, config, spell)
    return config


def _with_kind_of_source(from_file: dict[str, Any]) -> dict[str, Any]:
    source = from_file.get("data", {}).get("source")
    return merged(from_file, {"data": {"source": with_kind(source)}}) if isinstance(source, str) else from_file


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Two nested tables as one; where both name a key, `above` counts."""
    result = dict(below)
    for key, value in above.items():
        tables = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merged(result[key], value) if tables else value
    return result


def read_recipe(path: Path, model: type[BaseModel]) -> dict[str, Any]:
    """The tables of a recipe, checked against the model with the types that TOML has: "3" is not a number."""
    try:
        values = parse_toml(read_given(path, MOST_TOML), marked=True)
    except FileNotFoundError:
        near = (
            nearest(path.name, (other.name for other in path.parent.glob("*.toml"))) if path.parent.is_dir() else None
        )
        hint = f"; did you mean {path.parent / near}?" if near else ""
        raise ConfigError(f"there is no recipe {str(path)!r}{hint}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"the recipe {str(path)!r} cannot be read: byte {error.start} is not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None
    except RunError as error:
        raise ConfigError(str(error)) from None
    except ValueError as error:
        raise ConfigError(f"the recipe {str(path)!r} cannot be read: {error}") from None
    other = another_command(values, model.model_fields)
    if other is not None:
        raise ConfigError(
            f"{path} is the configuration of `softlabel {other}`: softlabel {other} --recipe {shlex.quote(str(path))}"
        )
    validated(model, values, in_file(path), strict=True)
    return values


def validated(model: type[Config], values: Mapping[str, Any], spelling: Spelling, strict: bool = False) -> Config:
    """The model of these values; strict allows no text for a number. Raises ConfigError with a line per key."""
    try:
        if strict:  # by way of JSON, where a list may stand for a pair
            config = model.model_validate_json(json.dumps(values, default=str), strict=True)
        else:
            config = model.model_validate(values)
    except ValidationError as error:
        raise ConfigError(complaints(error, model, values, spelling)) from None
    _refuse_no_text(config, spelling)
    return config


def _refuse_no_text(config: BaseModel, spelling: Spelling) -> None:
    """Texts end up in file names, messages and files of ours."""
    lines = [
        f"{spelling.full(group, name)}: {one_line(repr(text))} {reason}"
        for group, name, value in _leaves(config.model_dump())
        for text in (value if isinstance(value, (list, tuple)) else [value])
        if isinstance(text, str) and (reason := _no_text(text))
    ]
    if lines:
        raise ConfigError(several(lines))


def _no_text(text: str) -> str:
    if len(text) > LONGEST_TEXT:
        return f"has {len(text):,} characters, expected at most {LONGEST_TEXT:,}"
    if text.encode("utf-8", "replace").decode() != text or "\0" in text:
        return "is not text (UTF-8 without NUL)"
    return ""


def _leaves(values: Mapping[str, Any]) -> Iterator[tuple[str | None, str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from ((key, name, leaf) for name, leaf in value.items())
        else:
            yield None, key, value


def _refuse_unknown(model: type[BaseModel], given: Mapping[str, Any], spell: Callable[[str], str]) -> None:
    options = {option.name: option for option in options_of(model)}
    for name in given:
        if name not in options:
            near = meant(name, options)
            hint = f"; did you mean {spell(near)}{options[near].default_note}?" if near else ""
            raise ConfigError(f"there is no option {spell(name)}{hint}")


def _with_method_options(
    config: Run,
    recipe: Path | None,
    from_file: Mapping[str, Mapping[str, Any]],
    hand: Mapping[str, Mapping[str, Any]],
    spell: Callable[[str], str],
) -> Run:
    """The configuration with the options of its methods checked and converted by the methods' own models."""
    used = config.methods_used
    options: dict[str, dict[str, Any]] = {}
    for name in [*from_file, *(name for name in hand if name not in from_file)]:
        place = f"{recipe}, [methods.{name}]" if name in from_file else spell(f"{name}.{next(iter(hand[name]), '')}")
        if name not in used:
            check_method_name(name, place)
            raise ConfigError(f"{place}: this run does not use {name}, only {', '.join(used)}")
        named, kind = _name_and_kind(config, name, place)
        own_file, own_hand = (_without_kind(part.get(name, {})) for part in (from_file, hand))
        if recipe:
            validated(kind, own_file, in_file(recipe, f"methods.{name}"), strict=True)
        spelling = by_hand(spell, f"{name}.")
        _refuse_missing_values(kind, own_hand, spelling)
        checked = validated(kind, {**own_file, **own_hand}, spelling)
        refuse_unread(own_hand, checked, config, partial(spelling.full, None))
        options[name] = named | checked.model_dump(mode="json", exclude_unset=True)
    return config.model_copy(update={"methods": options})


def _refuse_replaced(given: Mapping[str, Any], config: Settings, spell: Callable[[str], str]) -> None:
    """Raises ConfigError for a rate, for instance, given by hand that every method has one of its own for."""
    if not config.methods:
        return
    from softlabel.methods.base.method import OF_EVERY_METHOD

    used = config.methods_used
    for name in given:
        if name in OF_EVERY_METHOD and all(config.methods.get(method, {}).get(name) is not None for method in used):
            raise ConfigError(f"{spell(name)} would not be read: {', '.join(used)} has {spell(f'{used[0]}.{name}')}")


def _name_and_kind(config: Settings, name: str, place: str) -> tuple[dict[str, str], type[MethodConfig]]:
    """What says which method stands behind a name of its own (nothing, where there is none), and that one's options."""
    module = config.kind_of(name)
    check_method_name(module, place)
    return ({"method": module} if module != name else {}), find_method(module).Config


def _without_kind(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name != "method"}


def _refuse_missing_values(kind: type[BaseModel], given: Mapping[str, Any], spelling: Spelling) -> None:
    """An option without a value is switched on, which only a switch can be."""
    options = {(option.group, option.name): option for option in options_of(kind)}
    for name, value in given.items():
        if (None, name) not in options:
            raise ConfigError(unknown(spelling, (None, name), options))
        if isinstance(value, bool) and not options[None, name].is_switch:
            raise ConfigError(wrong_value(spelling.full(None, name), options[None, name], value))


def _methods_field(config: Settings) -> tuple[str | None, str]:
    """Group and name of the field that says which methods a run or a comparison trains."""
    return ("comparison", "methods") if "comparison" in type(config).model_fields else (None, "method")


def _check_methods(
    config: Settings, given: Mapping[str, Any], recipe: Path | None, spell: Callable[[str], str]
) -> None:
    group, field = _methods_field(config)
    place = in_file(recipe).full(group, field) if recipe and field not in given else spell(field)
    for name in config.methods_used:
        module = config.kind_of(name)
        check_method_name(module, place)
        if module != name and (name in method_names() or not re.fullmatch(r"\w+", name)):
            raise ConfigError(f"{place}: {name!r} cannot be another name for {module}; expected a word of your own")


def _left_out(config: Settings, from_file: Mapping[str, Any]) -> set[str]:
    """The methods that the recipe would train and that were left out by hand: their options have no use in this run."""
    group, field = _methods_field(config)
    named = from_file.get(field) if group is None else from_file.get(group, {}).get(field)
    return {*([named] if isinstance(named, str) else named or [])} - {*config.methods_used}


def check_method_name(name: str, place: str) -> None:
    """Raises ConfigError with the nearest name when there is no such method; imports none."""
    names = method_names()
    if name not in names:
        near = nearest(name.replace("-", "_"), names)
        hint = f"did you mean {near}?" if near else "the methods are " + ", ".join(names)
        raise ConfigError(f"{place}: there is no method {name!r}; {hint}")


def settings_parser(command: str, description: str, examples: str, model: type[BaseModel]) -> Parser:
    """A parser with a flag for every field of the model, --recipe, and the note on options of methods."""
    parser = Parser(command, "[SOURCE] [options]", description, f"{METHOD_OPTIONS_HELP}\n\n{NONE_HELP}\n\n{examples}")
    parser.add_argument("--recipe", type=Path, metavar="FILE", help="TOML file to start from; flags go over it")
    parser.add_argument("--json", action="store_true", help="print one JSON event a line; words go to stderr")
    add_options(parser, model)
    return parser


def read_settings(parser: Parser, words: list[str]) -> tuple[argparse.Namespace, dict[str, Any]]:
    """The namespace of these words, and the options of methods among them."""
    rest, methods = take_method_options(words)
    namespace, others = parser.read_with_others(rest)
    for word in others:
        if word.endswith(".toml"):
            command = f"{parser.prog} --recipe {shlex.quote(word)}"
            raise ConfigError(f"{word} is a recipe, which goes after --recipe: {command}")
        if word.startswith("-"):
            raise ConfigError(parser.unknown(word))
        if hasattr(namespace, "source"):
            raise ConfigError(f"unexpected argument {word!r}: the source is {namespace.source[-1]!r} already")
        namespace.source = [word]
    return namespace, methods


def settled(
    model: type[Run],
    arguments: argparse.Namespace,
    methods: Mapping[str, Mapping[str, Any]],
    *,
    recipe: Path | None,
    defaults: Mapping[str, Any] | None = None,
) -> Run:
    """The configuration of these arguments: defaults, recipe, flags."""
    given = given_options(arguments, model)
    config = assemble(model, recipe=recipe, given=given, methods=methods, defaults=defaults, spell=spell_flag)
    refuse_undrawn_splits(given, config, spell_flag)
    return config
