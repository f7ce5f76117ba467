"""What a method says of its terms' weights counts in the epoch for which it says it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from softlabel.methods.cross_entropy import CrossEntropy
from softlabel.runs.checkpoint import CheckpointFolder
from softlabel.training.build_method import build_method
from softlabel.training.train import train
from tests.training.tiny import tiny_config, tiny_for


def from_the_second_epoch(method: CrossEntropy, epoch: int, epochs: int) -> None:
    method.weight_of_now = float(epoch)  # type: ignore[assignment]


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_weight_that_changes_with_the_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, accumulate: int) -> None:
    monkeypatch.setattr(CrossEntropy, "weight_of_now", 1.0, raising=False)
    monkeypatch.setattr(CrossEntropy, "begin_epoch", from_the_second_epoch)
    monkeypatch.setattr(CrossEntropy, "weights", lambda method: {"cross_entropy": method.weight_of_now})
    monkeypatch.setattr("softlabel.training.observer.SAVE_SECONDS", 0.0)
    heads = []
    for epochs in (1, 2):
        config = tiny_config(epochs=epochs, weight_decay=0.0, accumulate=accumulate)
        config = config.model_copy(update={"method": "cross_entropy"})
        folder = train(config, folder=tmp_path / str(epochs), prepared=tiny_for(config)).folder
        heads.append(CheckpointFolder(folder / "checkpoints").load("last").tensors["method.network.head.weight"])
    begun = build_method(config, tiny_for(config)).network.head.weight.detach()
    assert torch.equal(heads[0], begun)
    assert not torch.equal(heads[1], begun)
