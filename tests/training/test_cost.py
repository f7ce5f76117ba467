"""A trial of a run: it counts what the run will do, and leaves no trace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from softlabel.errors import ConfigError
from softlabel.tasks.prepared import Prepared, prepare
from softlabel.training import cost
from softlabel.training.config import RunConfig
from softlabel.training.cost import Cost, measured_cost


def config(method: str = "cross_entropy", **training: Any) -> RunConfig:
    return RunConfig.model_validate(
        {
            "method": method,
            "network": {"backbone": "mlp", "hidden": [8]},
            "training": {"epochs": 4, "batch_size": 256, "precision": "fp32", **training},
        }
    )


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    return prepare(config().data)


class Clock:
    """Every look at it takes a second."""

    now = 0.0

    def perf_counter(self) -> float:
        self.now += 1.0
        return self.now


def test_it_counts_steps_validations_and_tests(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "time", Clock())
    found = measured_cost(config(), prepared)
    rows = prepared.rows
    steps = -(-rows["training"] // 256)
    validation, test = (
        max(1.0, rows[part] / cost.rows_at_once(prepared.splits.test)) for part in ("validation", "test")
    )
    assert found.epochs == pytest.approx((steps + validation,) * 4)
    assert found.finish == pytest.approx(2 * (validation + test))
    assert found.begin == pytest.approx(cost.RUN_SECONDS + prepared.seconds)


def test_a_trial_moves_nothing(prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    measured_cost(config("online_label_smoothing"), prepared, threads=1)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads
    assert not list(tmp_path.iterdir())


def test_a_trial_raises_what_the_run_would(prepared: Prepared) -> None:
    wrong = config("label_smoothing").model_copy(update={"methods": {"label_smoothing": {"epsilon": 7}}})
    with pytest.raises(ConfigError, match="epsilon"):
        measured_cost(wrong, prepared)


def test_what_is_over_after_some_epochs() -> None:
    found = Cost(1.0, (2.0, 3.0), 4.0)
    assert found.total == 10
    assert [found.done(epochs) for epochs in range(4)] == [0, 3, 6, 6]
