"""A method may have a learning rate and a weight decay of its own; all else it shares with the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from softlabel.errors import ConfigError
from softlabel.training.build_method import build_method
from softlabel.training.train import train
from tests.training.test_shared_stages import config, keys
from tests.training.tiny import fingerprint, tiny_prepared

OWN = {"learning_rate": 0.02, "weight_decay": 0.01}


def test_its_own_rate_trains_as_the_same_rate_for_all_does(tmp_path: Path) -> None:
    train(config("cross_entropy", OWN), folder=tmp_path / "own", prepared=tiny_prepared())
    train(config("cross_entropy", {}, **OWN), folder=tmp_path / "all", prepared=tiny_prepared())
    train(config("cross_entropy", {}), folder=tmp_path / "other", prepared=tiny_prepared())
    assert fingerprint(tmp_path / "own") == fingerprint(tmp_path / "all") != fingerprint(tmp_path / "other")


@pytest.mark.parametrize("option", ["learning_rate", "weight_decay"])
def test_each_of_them_is_read(option: str) -> None:
    assert keys("cross_entropy", {option: OWN[option]}) == keys("cross_entropy", {}, **{option: OWN[option]})
    assert keys("cross_entropy", {option: OWN[option]}) != keys("cross_entropy", {})


def test_first_stages_are_shared_where_their_rates_are_equal() -> None:
    assert keys("crt", {"learning_rate": 0.02})[0] == keys("cross_entropy", {"learning_rate": 0.02})[0]
    assert keys("crt", {"learning_rate": 0.02})[0] != keys("cross_entropy", {})[0]
    assert keys("crt", {"learning_rate": 0.05})[0] == keys("cross_entropy", {})[0]


def test_a_rate_of_the_first_stage_alone_is_refused() -> None:
    asked = config("crt", {"representation_options": {"learning_rate": 0.02}})
    with pytest.raises(ConfigError, match=r"representation_options\.learning_rate: is an option of the whole method"):
        build_method(asked, tiny_prepared())


def test_a_rate_of_0_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"methods\.cross_entropy\.learning_rate: .*greater than 0"):
        build_method(config("cross_entropy", {"learning_rate": 0.0}), tiny_prepared())
