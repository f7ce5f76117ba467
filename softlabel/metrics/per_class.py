"""What a report says of each class."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from softlabel.statistic import Contribution, Tally
from softlabel.truth import read


@dataclass(frozen=True)
class ClassRow:
    """One class: its test rows, the share of them that was recognised, and the mean confidence on them."""

    index: int
    count: int
    accuracy: float
    mean_confidence: float

    def to_json(self) -> dict[str, float | int | None]:
        """The fields by name, with None in place of NaN."""
        return {name: None if math.isnan(value) else value for name, value in asdict(self).items()}


class PerClass(Tally):
    """Correct rows, confidence and rows of each true class (for a distribution: of its first mode).

    Source: recall of each class, as in `classification_report` of scikit-learn.

    >>> import torch
    >>> from softlabel.metrics.per_class import PerClass
    >>> from softlabel.statistic import StreamingTally
    >>> tally = StreamingTally(PerClass(2))
    >>> tally.update(torch.tensor([[0.9, 0.1]] * 4).log(), torch.tensor([0, 0, 0, 1]))
    >>> [(row.count, row.accuracy, round(row.mean_confidence, 3)) for row in tally.tally.table(tally.sums)]
    [(3, 1.0, 0.9), (1, 0.0, 0.9)]
    """

    width = 3

    def __init__(self, num_classes: int) -> None:
        self.num_cells = num_classes

    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        true = read(truth)
        log_confidence, predicted = log_probabilities.double().max(-1)
        correct = (predicted == true.index) * true.mass
        confidence = torch.where(true.mass > 0, log_confidence.exp(), 0.0)
        return Contribution(true.index, torch.stack([correct, confidence, true.mass], -1))

    def table(self, sums: Tensor) -> list[ClassRow]:
        """One row per class; NaN for a class without test rows."""
        means = (sums[:, :2] / sums[:, 2:]).tolist()
        return [
            ClassRow(index, round(count), accuracy, confidence)
            for index, ((accuracy, confidence), count) in enumerate(zip(means, sums[:, 2].tolist(), strict=True))
        ]
