"""Distribution: what chooses the task, its strata and its counts; scores and answers stand in test_class_tasks.py."""

from __future__ import annotations

import torch

from softlabel.data.annotation import VOTES
from softlabel.tasks.config import AxisConfig
from softlabel.tasks.distribution import Distribution
from softlabel.tasks.resolve import task_for

CLASSES = ["cat", "dog", "eel"]


def example(names: list[str]) -> Distribution:
    return Distribution(names)


def test_votes_choose_it() -> None:
    assert task_for("auto", VOTES, CLASSES, torch.ones(3, 3), AxisConfig()).name == "distribution"


def test_strata_are_the_classes_of_most_votes() -> None:
    assert Distribution(CLASSES).stratify(torch.tensor([[0.1, 0.2, 0.7]])).tolist() == [2]


def test_class_counts_are_the_mass_of_votes() -> None:
    assert Distribution(CLASSES).class_counts(torch.tensor([[1.0, 3.0, 0.0]])).tolist() == [0.25, 0.75, 0]
