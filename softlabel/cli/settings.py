"""The flags of a configuration, on a command: parse them, put them together with a recipe, and return the whole."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from softlabel.cli.configuring.configuration import assemble
from softlabel.cli.configuring.dead_options import refuse_undrawn_splits
from softlabel.cli.configuring.options import add_options, given_options
from softlabel.cli.configuring.parser import METHOD_OPTIONS_HELP, Parser, spell_flag, take_method_options

NONE_HELP = """\
Lists are written with commas, or by giving the flag again. `none` unsets what a
recipe says, for options that have no default."""

Config = TypeVar("Config", bound=BaseModel)


def settings_parser(command: str, description: str, examples: str, model: type[BaseModel]) -> Parser:
    """A parser with a flag for every field of the model, --recipe, and the note on options of methods."""
    parser = Parser(command, "[options]", description, f"{METHOD_OPTIONS_HELP}\n\n{NONE_HELP}\n\n{examples}")
    parser.add_argument("--recipe", type=Path, metavar="FILE", help="TOML file to start from; flags go over it")
    parser.add_argument("--json", action="store_true", help="print one JSON event a line; words go to stderr")
    add_options(parser, model)
    return parser


def read_settings(parser: Parser, words: list[str]) -> tuple[argparse.Namespace, dict[str, Any]]:
    """The namespace of these words, and the options of methods among them."""
    rest, methods = take_method_options(words)
    return parser.read(rest), methods


def settled(
    model: type[Config],
    arguments: argparse.Namespace,
    methods: Mapping[str, Mapping[str, Any]],
    *,
    recipe: Path | None,
    defaults: Mapping[str, Any] | None = None,
) -> Config:
    """The configuration of these arguments: defaults, recipe, flags."""
    given = given_options(arguments, model)
    config = assemble(model, recipe=recipe, given=given, methods=methods, defaults=defaults, spell=spell_flag)
    refuse_undrawn_splits(given, config, spell_flag)
    return config
