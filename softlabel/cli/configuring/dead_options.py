"""Refuses options that would not be read: nothing that is typed by hand is passed over in silence.

What an option is read only with stands beside its field, as `ReadOnlyWith`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pydantic import BaseModel

from softlabel.cli.configuring.options import Option, options_of
from softlabel.data.config import OwnParts
from softlabel.errors import ConfigError


def refuse_dead_options(given: Iterable[str], config: BaseModel, spell: Callable[[str], str]) -> None:
    """Raises ConfigError for the first option given by hand that this configuration never reads."""
    options = {option.name: option for option in options_of(type(config))}
    for name in given:
        _refuse_unread(options[name], _own(options[name], config), config, spell)


def refuse_unread(given: Iterable[str], own: BaseModel, run: BaseModel, spell: Callable[[str], str]) -> None:
    """Raises ConfigError for the first option of a method given by hand that its other options leave unread."""
    options = {option.name: option for option in options_of(type(own))}
    for name in given:
        _refuse_unread(options[name], own, run, spell)


def refuse_undrawn_splits(given: Iterable[str], config: BaseModel, spell: Callable[[str], str]) -> None:
    """Raises ConfigError for options given by hand that say how to draw what the source brings along.

    Only the source itself knows its parts, so it is opened, but not for a run that has none of these options.
    """
    named = set(given)
    drawing = [option for option in options_of(type(config)) if option.name in named and _asks_parts(option)]
    if not drawing:
        return
    parts = _own_parts(config)
    for option in drawing:
        _refuse_unread(option, _own(option, config), parts, spell, of_parts=True)


def _refuse_unread(
    option: Option, own: BaseModel, asked: object, spell: Callable[[str], str], of_parts: bool = False
) -> None:
    for rule in option.rules:
        if rule.of_parts == of_parts and not rule.reads(own, asked):
            raise ConfigError(f"{spell(option.name)} would not be read: it needs {rule.refusal(spell)}")


def _asks_parts(option: Option) -> bool:
    return any(rule.of_parts for rule in option.rules)


def _own(option: Option, config: BaseModel) -> BaseModel:
    """The model that the option's field is of."""
    own: BaseModel = getattr(config, option.group) if option.group else config
    return own


def _own_parts(config: Any) -> OwnParts:
    from softlabel.data.reading.open_source import open_source
    from softlabel.data.source import TEST, VALIDATION

    split = open_source(config.data).split
    return OwnParts(*(split is not None and bool((split == part).any()) for part in (TEST, VALIDATION)))
