"""Laws of what options are read only with: found at the fields, so that a new rule is under them by existing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from softlabel.cli.configuring import dead_options
from softlabel.cli.configuring.configuration import assemble
from softlabel.cli.configuring.dead_options import refuse_dead_options, refuse_undrawn_splits, refuse_unread
from softlabel.cli.configuring.options import Option, iter_flags, options_of
from softlabel.cli.configuring.parser import spell_flag
from softlabel.data.config import OwnParts
from softlabel.errors import ConfigError
from softlabel.methods.base.discovery import find_method, method_names
from softlabel.read_only_with import ReadOnlyWith
from softlabel.runs.toml import to_toml
from softlabel.training.config import RunConfig, TrainingConfig
from tests.made_options import near, some_values

Rule = tuple[Option, ReadOnlyWith]
SHORT = RunConfig(training=TrainingConfig(epochs=1))


def rules(model: type[BaseModel]) -> list[Rule]:
    return [(option, rule) for option in options_of(model) for rule in option.rules]


def refusal(refuse: Any, name: str, *asked: Any) -> str:
    """What is said where this option is given by hand; nothing where it would be read."""
    try:
        refuse([name], *asked, spell_flag)
    except ConfigError as error:
        return str(error)
    return ""


def expected(option: Option, rule: ReadOnlyWith) -> str:
    return f"{option.flag} would not be read: it needs {rule.refusal(spell_flag)}"


def assembled_refusal(recipe: Path, text: str, given: dict[str, Any], methods: dict[str, Any]) -> str:
    recipe.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        assemble(RunConfig, recipe=recipe, given=given, methods=methods, spell=spell_flag)
    return str(refused.value)


OF_RUN = [(option, rule) for option, rule in rules(RunConfig) if not rule.of_parts]
OF_PARTS = [(option, rule) for option, rule in rules(RunConfig) if rule.of_parts]
OF_METHODS = [(name, *rule) for name in method_names() for rule in rules(find_method(name).Config)]


@pytest.mark.parametrize(("option", "rule"), OF_RUN, ids=[option.name for option, _ in OF_RUN])
def test_an_option_is_refused_where_a_run_would_not_read_it(option: Option, rule: ReadOnlyWith, tmp_path: Path) -> None:
    said = ((config, refusal(refuse_dead_options, option.name, config)) for config in near(RunConfig, option.name))
    dead = next(config for config, words in said if words == expected(option, rule))
    found = assembled_refusal(tmp_path / "r.toml", to_toml(dead), {option.name: some_values(option)[0]}, {})
    assert found == expected(option, rule)
    assert any(not refusal(refuse_dead_options, option.name, config) for config in near(RunConfig, option.name))


@pytest.mark.parametrize(("option", "rule"), OF_PARTS, ids=[option.name for option, _ in OF_PARTS])
def test_an_option_is_refused_where_the_source_brings_what_it_draws(
    option: Option, rule: ReadOnlyWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said() -> Iterator[str]:
        parts = list(product((False, True), repeat=2))
        for config, has in ((config, has) for config in near(RunConfig, option.name) for has in parts):
            monkeypatch.setattr(dead_options, "_own_parts", lambda _, has=has: OwnParts(*has))
            yield refusal(refuse_undrawn_splits, option.name, config)

    assert expected(option, rule) in said()
    assert "" in said()


@pytest.mark.parametrize(
    ("name", "option", "rule"), OF_METHODS, ids=[f"{name}.{option.name}" for name, option, _ in OF_METHODS]
)
def test_an_option_of_a_method_is_refused_where_its_others_leave_it_unread(
    name: str, option: Option, rule: ReadOnlyWith, tmp_path: Path
) -> None:
    def said() -> Iterator[tuple[BaseModel, RunConfig, str]]:
        for own in near(find_method(name).Config, option.name):
            for run in (RunConfig(), SHORT):
                yield own, run, refusal(refuse_unread, option.name, own, run)

    assert any(not words for _, _, words in said())
    own, run = next((own, run) for own, run, words in said() if words == expected(option, rule))
    table = run.model_copy(update={"method": name, "methods": {name: own.model_dump(exclude_none=True)}})
    found = assembled_refusal(tmp_path / "r.toml", to_toml(table), {}, {name: {option.name: some_values(option)[0]}})
    flag = spell_flag(f"{name}.{option.name}")
    assert found == f"{flag} would not be read: it needs {rule.refusal(spell_flag)}"


def test_what_an_option_needs_is_another_option() -> None:
    flags = {*iter_flags(RunConfig)}
    for option, rule in rules(RunConfig):
        words = re.findall(r"--[a-z][a-z-]*", rule.refusal(spell_flag))
        assert {*words} <= flags - {option.flag}
        assert words or rule.of_parts
    for name, option, rule in OF_METHODS:
        others = {*find_method(name).Config.model_fields} - {option.name}
        assert {*re.findall(r"\w+", rule.need)} & others, (name, option.name)
        assert {*re.findall(r"--[a-z][a-z-]*", rule.need)} <= flags


@pytest.mark.parametrize(("option", "rule"), rules(RunConfig), ids=[option.name for option, _ in rules(RunConfig)])
def test_help_says_what_an_option_is_read_only_with(option: Option, rule: ReadOnlyWith) -> None:
    assert f"; read only with {option.read_only_with}" in option.help
    assert rule.need_spelled(spell_flag) in option.read_only_with
