"""Classification: what chooses the task, its strata and its counts; scores and answers stand in test_class_tasks.py."""

from __future__ import annotations

import pytest
import torch

from softlabel.data.annotation import LABEL
from softlabel.errors import ConfigError
from softlabel.tasks.classification import Classification
from softlabel.tasks.config import AxisConfig
from softlabel.tasks.resolve import task_for

CLASSES = ["cat", "dog", "eel"]


def example(names: list[str]) -> Classification:
    return Classification(names)


def test_the_annotation_of_one_label_chooses_it() -> None:
    assert task_for("auto", LABEL, CLASSES, torch.zeros(3), AxisConfig()).name == "classification"
    with pytest.raises(ConfigError, match="use 'classification' or 'auto'"):
        task_for("distribution", LABEL, CLASSES, torch.zeros(3), AxisConfig())


def test_strata_are_the_classes() -> None:
    assert Classification(CLASSES).stratify(torch.tensor([2, 0])).tolist() == [2, 0]


def test_class_counts_are_samples() -> None:
    assert Classification(CLASSES).class_counts(torch.tensor([0, 0, 2])).tolist() == [2, 0, 1]
