"""Scores that depend on the order of all rows, and so are no function of sums over them."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from softlabel.statistic import Contribution, Statistic, StreamingStatistic


class RankingStatistic(Statistic):
    """A score of rows that are kept: a contribution says what a row is, in cell 0, rather than what it adds.

    Where a score of sums has `value`, this one has `value_of_rows`; memory is O(rows). Weights count rows again, so
    that resampling needs no copies of rows.
    """

    num_cells = 1

    @abstractmethod
    def value_of_rows(self, rows: Tensor, weights: Tensor) -> Tensor:
        """The scores (draws,) float64 of rows (N, width), each counted `weights` (N, draws) times; NaN if undefined."""

    def value(self, sums: Tensor) -> Tensor:
        raise TypeError(f"{self.name} is not a function of sums; use value_of_rows")


class StreamingRanking:
    """One ranking score over batches, whose rows are kept on the CPU.

    Source: `update` and `compute` as in torchmetrics.

    >>> import torch
    >>> from softlabel.metrics.average_precision import MeanAveragePrecision
    >>> from softlabel.metrics.ranking import StreamingRanking
    >>> score = StreamingRanking(MeanAveragePrecision(1))
    >>> score.update(torch.tensor([[0.9], [0.8], [0.1]]).log(), torch.tensor([[2], [0], [2]]))
    >>> round(score.compute(), 3)  # (1 + 2 / 3) / 2
    0.833
    """

    def __init__(self, statistic: RankingStatistic) -> None:
        self.statistic = statistic
        self._parts: list[Tensor] = [torch.zeros(0, statistic.width, dtype=torch.float64)]

    @torch.no_grad()
    def update(self, log_probabilities: Tensor, truth: Tensor) -> None:
        """Add a batch."""
        self._parts.append(self.statistic.contribute(log_probabilities, truth).values.cpu())

    def merge_(self, other: StreamingRanking) -> None:
        """Add the rows of another stream to these."""
        self._parts += other._parts

    @property
    def rows(self) -> Tensor:
        """(N, width) float64."""
        return torch.cat(self._parts)

    def compute(self) -> float:
        """The score of all rows so far; NaN where it is undefined."""
        return float(value_once(self.statistic, self.rows))


def stream(statistic: Statistic) -> StreamingStatistic | StreamingRanking:
    """What adds up, or keeps, the rows of a score over batches.

    Source: `update` and `compute` as in torchmetrics.

    >>> import torch
    >>> from softlabel.metrics.brier import Brier
    >>> from softlabel.metrics.ranking import stream
    >>> score = stream(Brier())
    >>> score.update(torch.tensor([[0.8, 0.2], [0.6, 0.4]]).log(), torch.tensor([0, 1]))
    >>> round(score.compute(), 3)
    0.4
    """
    return StreamingRanking(statistic) if isinstance(statistic, RankingStatistic) else StreamingStatistic(statistic)


def value_once(statistic: RankingStatistic, rows: Tensor) -> Tensor:
    """The score () of rows (N, width) as they are."""
    return statistic.value_of_rows(rows, rows.new_ones(len(rows), 1))[0]


def kept_rows(values: Tensor) -> Contribution:
    """Rows (N, width) as a contribution."""
    return Contribution(torch.zeros(len(values), dtype=torch.int64, device=values.device), values.double())
