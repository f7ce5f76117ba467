"""A score is a sum over rows, scattered into cells, and then a function of the sums.

So one definition serves streaming (memory O(cells)), merging over processes, and resampling (rows counted again).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor

from softlabel.running_state import RunningState


class Contribution(NamedTuple):
    """What each row adds, and where.

    cell    (N,) int64, or (N, M) where a row adds to M cells
    values  (N, width) or (N, M, width) float64; all zero for a row that is ignored
    """

    cell: Tensor
    values: Tensor


class Tally(ABC):
    """Sums over rows in `num_cells` cells of `width` numbers each."""

    num_cells: int
    width: int

    @abstractmethod
    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        """What each row adds: log-probabilities (N, K), truth (N,) int64 or (N, K) float.

        A truth below 0, such as -100, and a row of K zeros are ignored. Nothing is copied between devices.
        """


class Statistic(Tally):
    """A score: a tally and the function that turns its sums into a number.

    name, title  for JSON and for people
    better       the score's natural direction
    calibration  whether a change of temperature changes it
    bounds       values it cannot leave
    """

    name: str
    title: str
    better: Literal["higher", "lower"]
    calibration: bool = True
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    @abstractmethod
    def value(self, sums: Tensor) -> Tensor:
        """The score of sums (..., num_cells, width) float64, shape (...); NaN where it is undefined."""


class RunningSums(RunningState):
    """The sums of a tally, held in float64 on the device of what is added; mergeable over batches and processes.

    Source: one pass over the data, as in Chan, Golub and LeVeque 1979.

    >>> import torch
    >>> from softlabel.metrics.confusion import Confusion
    >>> from softlabel.statistic import Contribution, RunningSums
    >>> running = RunningSums(Confusion(2))
    >>> running.add(Contribution(cell=torch.tensor([0, 3]), values=torch.ones(2, 1, dtype=torch.float64)))
    >>> running.sums.flatten().tolist()
    [1.0, 0.0, 0.0, 1.0]
    """

    def __init__(self, tally: Tally) -> None:
        super().__init__()
        self.declare("sums", torch.zeros(tally.num_cells, tally.width, dtype=torch.float64), "sum")

    @property
    def sums(self) -> Tensor:
        """(num_cells, width) float64."""
        return self.tensor("sums")

    def add(self, contribution: Contribution) -> None:
        """Add what rows contribute."""
        if self.sums.device != contribution.values.device:
            self.to_(contribution.values.device)
        add_rows(self.sums, contribution)


class StreamingTally(RunningSums):
    """The sums of a tally over batches.

    Source: `update` as in torchmetrics.

    >>> import torch
    >>> from softlabel.metrics.confusion import Confusion
    >>> from softlabel.statistic import StreamingTally
    >>> tally = StreamingTally(Confusion(2))
    >>> tally.update(torch.tensor([[0.8, 0.2], [0.6, 0.4]]).log(), torch.tensor([0, 1]))
    >>> tally.sums.flatten().tolist()  # (0, 0), (0, 1), (1, 0), (1, 1)
    [1.0, 0.0, 1.0, 0.0]
    """

    def __init__(self, tally: Tally) -> None:
        super().__init__(tally)
        self.tally = tally

    @torch.no_grad()
    def update(self, log_probabilities: Tensor, truth: Tensor) -> None:
        """Add a batch: log-probabilities (N, K), truth (N,) int64 or (N, K) float."""
        self.add(self.tally.contribute(log_probabilities, truth))


class StreamingStatistic(StreamingTally):
    """One score over batches.

    Source: `update` and `compute` as in torchmetrics.

    >>> import torch
    >>> from softlabel.metrics.accuracy import Accuracy
    >>> from softlabel.statistic import StreamingStatistic
    >>> score = StreamingStatistic(Accuracy())
    >>> for truth in (0, 1):  # two batches of one row
    ...     score.update(torch.tensor([[0.8, 0.2]]).log(), torch.tensor([truth]))
    ...
    >>> score.compute()
    0.5
    """

    def __init__(self, statistic: Statistic) -> None:
        super().__init__(statistic)
        self.statistic = statistic

    def compute(self) -> float:
        """The score of all rows so far; NaN where it is undefined."""
        return float(self.statistic.value(self.sums))


def add_rows(sums: Tensor, contribution: Contribution) -> None:
    """Add every row's values to the sums (num_cells, width), in place."""
    cell, values = contribution
    sums.index_add_(0, cell.flatten(), values.reshape(-1, sums.shape[-1]))


def total(tally: Tally, contribution: Contribution) -> Tensor:
    """The sums (num_cells, width) of a contribution."""
    sums = contribution.values.new_zeros(tally.num_cells, tally.width)
    add_rows(sums, contribution)
    return sums


def pack(contributions: Mapping[str, Contribution]) -> dict[str, Tensor]:
    """Contributions as named tensors, for a safetensors file; cells take 32 bits."""
    packed: dict[str, Tensor] = {}
    for name, (cell, values) in contributions.items():
        packed[f"{name}.cell"] = cell.to(torch.int32).contiguous()
        packed[f"{name}.values"] = values.contiguous()
    return packed


def unpack(tensors: Mapping[str, Tensor]) -> dict[str, Contribution]:
    """The contributions that `pack` stored."""
    names = [name.removesuffix(".cell") for name in tensors if name.endswith(".cell")]
    return {name: Contribution(tensors[f"{name}.cell"].long(), tensors[f"{name}.values"]) for name in names}
