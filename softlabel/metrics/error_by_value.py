"""Error of a predicted value by the true value: where on the label axis a model is good."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from softlabel.metrics.decoding import Decoding, decode
from softlabel.metrics.truth import as_grid, nearest_label, read_values
from softlabel.statistic import Contribution, Tally


@dataclass(frozen=True)
class ValueRow:
    """The rows whose nearest label is `value`: their number, mean error (with its sign), and mean absolute error."""

    value: float
    count: int
    mean_error: float
    mean_absolute_error: float


class ErrorByValue(Tally):
    """Sums of errors in one cell for each label of the grid; truth (N, 2) of value and sigma.

    Source: the MAE of each age, as in Geng, Zhou and Smith-Miles, IEEE TPAMI 2007.

    >>> import torch
    >>> from softlabel.metrics.error_by_value import ErrorByValue
    >>> from softlabel.statistic import StreamingTally
    >>> tally = StreamingTally(ErrorByValue(torch.arange(3.0), "expectation"))
    >>> tally.update(torch.tensor([[0.2, 0.5, 0.3]] * 2).log(), torch.tensor([[0.0, 1.0], [2.0, 1.0]]))
    >>> [(row.value, row.count, round(row.mean_error, 3)) for row in tally.tally.table(tally.sums)]
    [(0.0, 1, 1.1), (2.0, 1, -0.9)]
    """

    width = 3

    def __init__(self, grid: Tensor, decoding: Decoding) -> None:
        self.grid = as_grid(grid)
        self.decoding: Decoding = decoding
        self.num_cells = len(self.grid)

    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        true, grid = read_values(truth), self.grid.to(log_probabilities.device)
        error = torch.where(true.counted, decode(log_probabilities, grid, self.decoding) - true.value, 0.0)
        values = torch.stack([error, error.abs(), true.counted.double()], -1)
        return Contribution(nearest_label(true.value, grid), values)

    def table(self, sums: Tensor) -> list[ValueRow]:
        """The labels that rows have, from sums (K, 3)."""
        return [
            ValueRow(value, round(count), error / count, absolute / count)
            for value, (error, absolute, count) in zip(self.grid.tolist(), sums.tolist(), strict=True)
            if count > 0
        ]
