"""Which class is taken for which."""

from __future__ import annotations

import torch
from torch import Tensor

from softlabel.statistic import Contribution, Tally
from softlabel.truth import read


class Confusion(Tally):
    """Counts of (true class, predicted class); a truth that is a distribution counts for its first mode.

    Source: `confusion_matrix` of scikit-learn.

    >>> import torch
    >>> from softlabel.metrics.confusion import Confusion
    >>> from softlabel.statistic import StreamingTally
    >>> tally = StreamingTally(Confusion(2))
    >>> tally.update(torch.tensor([[0.9, 0.1]] * 4).log(), torch.tensor([0, 0, 0, 1]))
    >>> tally.tally.table(tally.sums)  # three zeros are right, the one is taken for a zero
    [[3, 0], [1, 0]]
    """

    width = 1

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes
        self.num_cells = num_classes**2

    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        true = read(truth)
        return Contribution(true.index * self.num_classes + log_probabilities.argmax(-1), true.mass[:, None])

    def table(self, sums: Tensor) -> list[list[int]]:
        """Counts as rows of the true class and columns of the predicted one."""
        counts: list[list[int]] = sums.round().to(torch.int64).view(self.num_classes, self.num_classes).tolist()
        return counts
