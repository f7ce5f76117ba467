"""Methods that compare rows see the rows of all processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from softlabel.errors import UnsupportedError
from softlabel.training.config import RunConfig
from softlabel.training.cost import measured_cost
from softlabel.training.progress import Progress, RunStart
from softlabel.training.train import train
from tests.training.test_processes import assert_same


def config(method: str, **training: object) -> RunConfig:
    """A network without batch normalisation, in batches that cannot be divided evenly."""
    values = {"epochs": 1, "batch_size": 255, "learning_rate": 0.01}
    network = {"backbone": "mlp", "hidden": [12, 8]}
    options = {"dmue": {"exclude_self": True, "bank": True}}
    asked = {
        "method": method,
        "methods": options if method in options else {},
        "network": network,
        "training": {**values, **training},
    }
    return RunConfig.model_validate(asked)


class Plan(Progress):
    """Times a few steps before the first one, as the screen does, while the other process is waiting."""

    def __init__(self, asked: RunConfig) -> None:
        self.asked = asked

    def begin(self, run: RunStart) -> None:
        assert measured_cost(self.asked, run.prepared).total > 0


@pytest.mark.slow
def test_two_processes_compare_the_rows_of_one(tmp_path: Path) -> None:
    both = config("dmue", processes=2)
    train(config("dmue"), folder=tmp_path / "one")
    train(both, folder=tmp_path / "two", progress=Plan(both))
    assert_same(tmp_path / "one", tmp_path / "two")


@pytest.mark.parametrize("method", ["dmue", "dmue_shared", "scn"])
def test_micro_batches_are_refused(method: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match=r"compares the rows .* training\.accumulate must be 1"):
        train(config(method, accumulate=2), folder=tmp_path / "run")
