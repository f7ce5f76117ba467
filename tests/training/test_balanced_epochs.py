"""How long a stage of class-balanced sampling is, everywhere that asks."""

from __future__ import annotations

from typing import Any

import pytest

from softlabel.errors import ConfigError
from softlabel.methods.base.method import Method
from softlabel.training.build_method import build_method
from softlabel.training.config import RunConfig
from softlabel.training.engine import Engine
from softlabel.training.precision import Precision
from softlabel.training.shared_stages import stage_keys
from softlabel.training.stage_data import StageData
from tests.training.tiny import ROWS, tiny_prepared

COUNTS = tiny_prepared().class_counts
CLASSES = int(COUNTS.max() * (COUNTS > 0).sum())


def made(method: str, own: dict[str, Any], **training: Any) -> tuple[RunConfig, Method]:
    config = RunConfig.model_validate({"method": method, "training": training, "methods": {method: own}})
    return config, build_method(config, tiny_prepared())


def draws(method: str, own: dict[str, Any], **training: Any) -> list[int]:
    config, built = made(method, own, **training)
    engine = Engine("cpu", Precision("fp32", channels_last=False))
    stages = [
        StageData(config, tiny_prepared(), built, stage_index, stage, engine)
        for stage_index, stage in enumerate(built.stages())
    ]
    for data in stages:
        if data.steps_per_epoch:
            assert sum(len(batch) for batch, _ in data.steps(0)) == data.images_per_epoch
            assert data.steps_per_epoch == -(-data.images_per_epoch // config.training.batch_size)
    return [data.images_per_epoch for data in stages]


def test_by_default_as_many_as_there_are_rows() -> None:
    assert draws("crt", {}) == [ROWS, ROWS]


@pytest.mark.parametrize("method", ["crt", "lws", "mislas"])
def test_as_many_as_classes_times_the_largest_in_balanced_stages_alone(method: str) -> None:
    assert CLASSES > ROWS
    assert draws(method, {}, balanced_epoch="classes") == [ROWS, CLASSES]
    assert draws(method, {"classifier_sampler": "square-root"}, balanced_epoch="classes") == [ROWS, ROWS]


def test_a_method_may_have_a_length_of_its_own() -> None:
    assert draws("crt", {"balanced_epoch": "classes"}) == [ROWS, CLASSES]
    assert draws("crt", {"balanced_epoch": "rows"}, balanced_epoch="classes") == [ROWS, ROWS]
    assert draws("crt", {"balanced_epoch": "classes", "cached_features": True}) == [ROWS, CLASSES]
    assert draws("cross_entropy", {"balanced_epoch": "classes"}, sampler="balanced") == [CLASSES]
    assert draws("cross_entropy", {"balanced_epoch": "classes"}, sampler="balanced", head_limit=3) == [30]


def test_runs_of_another_length_share_no_stage_of_it() -> None:
    first, second = (stage_keys(*made("crt", {"balanced_epoch": length})) for length in ("rows", "classes"))
    assert first[1] != second[1]


@pytest.mark.parametrize(
    ("method", "own"), [("cross_entropy", {}), ("crt", {"classifier_sampler": "instance"}), ("ncm", {})]
)
def test_one_that_no_stage_would_read_is_refused(method: str, own: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"methods.{method}.balanced_epoch would not be read"):
        made(method, {**own, "balanced_epoch": "classes"})
