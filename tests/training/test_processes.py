"""Two processes make the steps that one makes; four unequal micro-batches as well."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from softlabel.training.checkpoint import CheckpointFolder
from softlabel.training.config import RunConfig
from softlabel.training.train import train


def config(**training: object) -> RunConfig:
    """A network without batch normalisation, on augmented images in batches that cannot be divided evenly."""
    values = {"epochs": 2, "batch_size": 255, "augment": "shift", "clip_norm": 1.0, "ema": 0.9, "learning_rate": 0.05}
    return RunConfig.model_validate(
        {
            "method": "online_label_smoothing",
            "network": {"backbone": "mlp", "hidden": [16]},
            "training": {**values, **training},
        }
    )


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(config(), folder=tmp_path_factory.mktemp("one") / "run").folder


def assert_same(one: Path, other: Path) -> None:
    a, b = (CheckpointFolder(folder / "checkpoints").load("last").tensors for folder in (one, other))
    assert a.keys() == b.keys()
    for name in a:
        torch.testing.assert_close(
            a[name], b[name], rtol=1e-4, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}"
        )
    losses = [
        [json.loads(line)["loss"] for line in (f / "metrics.jsonl").read_text().splitlines()] for f in (one, other)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_two_processes_make_the_steps_of_one(one: Path, tmp_path: Path) -> None:
    folder = tmp_path / "two"
    result = train(config(processes=2), folder=folder)
    assert_same(one, folder)
    assert result.cell["status"] == "finished"
    assert not torch.distributed.is_initialized()


def test_two_processes_with_micro_batches_make_the_steps_of_one(one: Path, tmp_path: Path) -> None:
    folder = tmp_path / "two"
    train(config(processes=2, accumulate=3), folder=folder)
    assert_same(one, folder)


def test_micro_batches_make_the_steps_of_a_batch(one: Path, tmp_path: Path) -> None:
    folder = tmp_path / "four"
    train(config(accumulate=4), folder=folder)
    assert_same(one, folder)
