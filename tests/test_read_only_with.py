"""Rules beside fields are found there, also where a model states the field anew."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from softlabel.read_only_with import ReadOnlyWith, rules_of

_STRONG = ReadOnlyWith("strength above 0", lambda own, _: own.strength > 0, more="; nothing is heated otherwise")
_LONG = ReadOnlyWith("{epochs} above 1", lambda _, run: run > 1)


class Base(BaseModel):
    strength: float = 1.0
    temperature: Annotated[float, _STRONG, _LONG] = Field(2.0, gt=0)


class StatedAnew(Base):
    temperature: float = Field(3.0, gt=0)


class WithItsOwn(Base):
    temperature: Annotated[float, _LONG] = Field(3.0, gt=0)


def test_rules_stand_in_the_order_in_which_they_are_written() -> None:
    assert rules_of(Base, "temperature") == (_STRONG, _LONG)
    assert rules_of(Base, "strength") == ()
    assert rules_of(Base, "no_field") == ()


def test_a_field_stated_anew_keeps_its_rules_unless_it_has_others() -> None:
    assert rules_of(StatedAnew, "temperature") == (_STRONG, _LONG)
    assert rules_of(WithItsOwn, "temperature") == (_LONG,)


def test_options_in_braces_are_spelled_as_the_reader_would() -> None:
    assert _LONG.refusal(lambda name: "--" + name) == "--epochs above 1"
    assert _LONG.need_spelled(str) == "epochs above 1"
    assert _STRONG.need_spelled(str) == "strength above 0"
    assert _STRONG.refusal(str) == "strength above 0; nothing is heated otherwise"


def test_a_rule_is_no_part_of_what_is_validated_or_described_by_the_schema() -> None:
    assert Base.model_json_schema()["properties"]["temperature"].keys() == {
        "default",
        "exclusiveMinimum",
        "title",
        "type",
    }
    assert Base(strength=0, temperature=1).temperature == 1
