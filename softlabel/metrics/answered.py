"""How often each class is answered, and how often rightly."""

from __future__ import annotations

import torch
from torch import Tensor

from softlabel.statistic import Contribution, Tally
from softlabel.truth import read


class Answered(Tally):
    """Right rows, and rows, of each class that is the answer (of equally probable ones the first).

    Source: precision of each class, as in `classification_report` of scikit-learn.

    >>> import torch
    >>> from softlabel.metrics.answered import Answered
    >>> from softlabel.statistic import StreamingTally
    >>> tally = StreamingTally(Answered(2))
    >>> tally.update(torch.tensor([[0.9, 0.1]] * 4).log(), torch.tensor([0, 0, 0, 1]))
    >>> tally.tally.table(tally.sums)
    [(4, 0.75), (0, None)]
    """

    width = 2

    def __init__(self, num_classes: int) -> None:
        self.num_cells = num_classes

    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        true = read(truth)
        predicted = log_probabilities.max(-1).indices
        correct = (predicted == true.index) * true.mass
        return Contribution(predicted, torch.stack([correct, true.mass], -1).double())

    def table(self, sums: Tensor) -> list[tuple[int, float | None]]:
        """Of each class the rows that got it as the answer, and the share of them of which it was right."""
        return [(round(count), right / count if count else None) for right, count in sums.tolist()]
