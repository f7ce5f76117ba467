"""Votes as labels: a person who asks for classification gets the class with the most votes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from softlabel.data.config import DataConfig
from softlabel.errors import ConfigError
from softlabel.tasks.prepared import Prepared, prepare

ROWS = [(3, 1, 0), (0, 5, 1), (2, 2, 0), (0, 0, 4)] * 10


def prepared(tmp_path: Path, task: str) -> Prepared:
    lines = [f"{n},{n % 7},{a},{b},{c}" for n, (a, b, c) in enumerate(ROWS)]
    path = tmp_path / "votes.csv"
    path.write_text("\n".join(["x,y,happy,sad,angry", *lines]), encoding="utf-8")
    votes = ["happy", "sad", "angry"]
    data = DataConfig(source=f"csv:{path}", feature_columns=["x", "y"], vote_columns=votes)
    return prepare(data, task)


def test_the_class_with_the_most_votes_is_the_label(tmp_path: Path) -> None:
    found = prepared(tmp_path, "classification")
    assert found.task.name == "classification"
    assert found.source.samples.annotation.tolist() == [0, 1, 0, 2] * 10
    assert any("10 rows had several" in note for note in found.source.notes)
    assert found.class_counts.sum() == len(found.splits.training)


def test_left_to_itself_it_keeps_the_votes(tmp_path: Path) -> None:
    found = prepared(tmp_path, "auto")
    assert found.task.name == "distribution"
    assert torch.equal(found.source.samples.annotation[0], torch.tensor([3.0, 1.0, 0.0]))


def test_other_tasks_are_refused_as_before(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="votes or probabilities"):
        prepared(tmp_path, "ordinal")
