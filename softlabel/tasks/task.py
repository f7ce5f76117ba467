"""What is predicted: the label space, the default label distribution, how logits become an answer, what is scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from torch import Tensor

from softlabel.labels import LabelDistribution


@dataclass(frozen=True)
class Score:
    """A number that counts for a task. `better` gives its natural direction; `calibration` if temperature changes it."""

    name: str
    title: str
    better: Literal["higher", "lower"]
    calibration: bool = False


class Evaluator(Protocol):
    """Accumulates batches of logits and annotations, in O(classes + bins) memory."""

    def update(self, logits: Tensor, annotation: Tensor) -> None:
        """Add a batch: logits (N, K), annotation as in `Batch`."""

    def scores(self) -> dict[str, float]:
        """Every score of the task by name; NaN where it is undefined (an empty group)."""

    def details(self) -> dict[str, Any]:
        """What a report draws, as JSON: reliability bins, confusion, per-class table, groups."""

    def row_scores(self) -> Mapping[str, Any]:
        """What statistics resample, per row: see `softlabel.metrics`."""


class Task(Protocol):
    """The contract between data, methods, loop and report."""

    name: str
    class_names: Sequence[str]

    @property
    def num_classes(self) -> int:
        """K, the number of logits."""

    @property
    def score_list(self) -> tuple[Score, ...]:
        """The scores in the order in which they are shown; the first is the primary one."""

    def label(self, annotation: Tensor) -> LabelDistribution:
        """The default label distribution of a batch, without checks: (N, ...) -> labels of shape (N, K)."""

    def index(self, annotation: Tensor) -> Tensor:
        """The class that stands for each sample, int64 (N,): its label, or the class with most votes (first of equals)."""

    def class_counts(self, annotation: Tensor) -> Tensor:
        """Samples (or mass of votes) per class, float64 (K,)."""

    def stratify(self, annotation: Tensor) -> np.ndarray[Any, Any]:
        """One integer stratum per sample, for splits."""

    def answer(self, probabilities: Tensor) -> list[dict[str, Any]]:
        """What `predict` says of each row of probabilities (N, K): label, confidence, the whole distribution."""

    def evaluator(self, class_counts: Tensor, groups: str) -> Evaluator:
        """A fresh evaluator; `class_counts` (of the training part) and `groups` define many, medium and few."""

    def to_json(self) -> dict[str, Any]:
        """What a saved model needs to make this task again."""
