"""Lowered form and kind: every element takes a row of a table (online label smoothing, one distribution per class)."""

from __future__ import annotations

import torch
from torch import Tensor

from softlabel.labels.amounts import accumulation_dtype, dot, only_known, surprise
from softlabel.labels.checks import check_index, check_probabilities, split_ignored
from softlabel.labels.dense import Dense
from softlabel.labels.distribution import Amount, LabelDistribution, Rows


class Table(LabelDistribution):
    """q = table[row]. Shapes: table (R, K), row (...) in [0, R), known None or (...).

    Source: the matrix of soft labels of Zhang et al., IEEE TIP 2021, a row a class.

    >>> import torch
    >>> import softlabel as sl
    >>> table = torch.tensor([[0.9, 0.1], [0.2, 0.8]])
    >>> sl.labels.Table(table, torch.tensor([1, 1, 0])).dense()
    tensor([[0.2000, 0.8000],
            [0.2000, 0.8000],
            [0.9000, 0.1000]])
    """

    def __init__(self, table: Tensor, row: Tensor, known: Tensor | None = None) -> None:
        self.table = table
        self.row = row
        self.num_classes = table.shape[1]
        self.known = known

    @property
    def shape(self) -> torch.Size:
        return self.row.shape

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        return (self.table, self.row) if self.known is None else (self.table, self.row, self.known)

    def inner(self, logits: Tensor) -> Tensor:
        return only_known(dot(self.table[self.row], logits), self.known)

    def expectation(self, values: Tensor) -> Tensor:
        dtype = accumulation_dtype(self.table.dtype)
        return only_known((self.table.to(dtype) @ values.to(dtype))[self.row], self.known)

    def dense(self, dtype: torch.dtype | None = None) -> Tensor:
        rows = self.table[self.row].to(dtype or self.table.dtype)
        return rows if self.known is None else rows.masked_fill(~self.known[..., None], 0)

    def entropy(self, dtype: torch.dtype | None = None) -> Tensor:
        if self.row.numel() < self.table.shape[0]:
            return self.at_hand().entropy(dtype)
        return only_known(surprise(self.table).sum(-1)[self.row], self.known).to(dtype or self.table.dtype)

    def add_to_(self, rows: Tensor, scale: Amount) -> None:
        self.at_hand().add_to_(rows, scale)

    def row_sums(self) -> Tensor:
        return self.table.sum(-1)[self.row]

    def at_hand(self) -> Dense:
        return Dense(self.table[self.row], self.known)

    def to(self, device: torch.device | str) -> Table:
        return Table(self.table.to(device), self.row.to(device), None if self.known is None else self.known.to(device))

    def select(self, rows: Rows) -> Table:
        return Table(self.table, self.row[rows], None if self.known is None else self.known[rows])


def from_table(index: Tensor, table: Tensor, *, ignore_index: int = -100, validate: bool = True) -> Table:
    """The distribution in the table's row of this index.

    Shapes: index (...) integer, table (R, K) with rows that sum to 1  ->  labels of shape (..., K).
    Raises ValueError with the first row of the table that is no distribution, or the first index outside [0, R).
    Source: one soft label for each class, as in Zhang et al., IEEE TIP 2021 (there from `OnlineTable`).

    >>> import torch
    >>> import softlabel as sl
    >>> table = torch.tensor([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.0, 0.0, 1.0]])  # cat, dog, car
    >>> sl.labels.from_table(torch.tensor([1, 2]), table).dense()
    tensor([[0.2000, 0.8000, 0.0000],
            [0.0000, 0.0000, 1.0000]])
    """
    if table.ndim != 2:
        raise ValueError(f"table has shape {tuple(table.shape)}, expected (rows, classes)")
    if validate:
        check_index(index, table.shape[0], ignore_index)
        check_probabilities(table, "table")
    return Table(table, *split_ignored(index, ignore_index))
