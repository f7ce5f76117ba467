"""A plan tries out each kind of run once, however many variants of it a comparison has."""

from __future__ import annotations

from typing import Any

import pytest

from softlabel.cli.screens.plan import kind_of_run
from softlabel.training.config import RunConfig
from tests.training.tiny import tiny_prepared


def kind(**options: Any) -> str:
    values = {"method": "own_name", "methods": {"own_name": {"method": "dasl", **options}}}
    return kind_of_run(RunConfig.model_validate(values), tiny_prepared())


@pytest.mark.parametrize("options", [{"learning_rate": 0.3}, {"label_weight": 0.5}, {"temperature": 2.0}])
def test_weights_and_rates_change_no_cost(options: dict[str, Any]) -> None:
    first = {name: value / 2 for name, value in options.items()}
    assert kind(**options) == kind(**first)


def test_a_default_that_is_said_changes_nothing() -> None:
    assert kind() == kind(label_weight=1.0) == kind(learning_rate=0.3)


@pytest.mark.parametrize(
    "options", [{"label_weight": 0.0}, {"classifier_epochs": 3}, {"auxiliary_width": 2.0}, {"detach": False}]
)
def test_switches_epochs_and_widths_do(options: dict[str, Any]) -> None:
    first = {"label_weight": 1.0, "classifier_epochs": 10, "auxiliary_width": 1.0, "detach": True}
    assert kind(**options) != kind(**{name: first[name] for name in options})
