"""Lowered form: one class for most elements, a row of a table for the others (masks, which are soft at borders)."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from softlabel.labels.amounts import accumulation_dtype, dot, only_known, surprise
from softlabel.labels.dense import Dense
from softlabel.labels.distribution import Amount, LabelDistribution, Rows
from softlabel.labels.modes import may_look
from softlabel.labels.sparse import Sparse

Places = tuple[Tensor, ...]


class Patched(LabelDistribution):
    """q = onehot(row) where row < K, else patches[row - K].

    Shapes: patches (P, K) with rows that sum to 1, row (...) integer in [0, K + P), known None or (...). It is the
    table cat(eye(K), patches), but where values may be looked at, a loss reads and writes K numbers for the patched
    elements only.
    """

    def __init__(self, patches: Tensor, row: Tensor, known: Tensor | None = None) -> None:
        self.patches = patches
        self.row = row
        self.num_classes = patches.shape[1]
        self.known = known

    @property
    def shape(self) -> torch.Size:
        return self.row.shape

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        return (self.patches, self.row) if self.known is None else (self.patches, self.row, self.known)

    @property
    def requires_grad(self) -> bool:
        return self.patches.requires_grad

    def inner(self, logits: Tensor) -> Tensor:
        if not may_look(logits) or not may_look(self.row):
            return only_known(dot(self.written(), logits), self.known)
        values = self.hard.inner(logits)
        values[self.places] = dot(self.patch, logits[self.places])
        return only_known(values, self.known)

    def expectation(self, values: Tensor) -> Tensor:
        patched = self.patches @ values.to(self.patches.dtype)
        return only_known(self.of_row(values.to(patched), patched), self.known)

    def dense(self, dtype: torch.dtype | None = None) -> Tensor:
        rows = self.written().to(dtype or self.patches.dtype)
        return rows if self.known is None else rows.masked_fill(~self.known[..., None], 0)

    def entropy(self, dtype: torch.dtype | None = None) -> Tensor:
        dtype = dtype or self.patches.dtype
        patched = surprise(self.patches.to(accumulation_dtype(dtype))).sum(-1)
        return only_known(self.of_row(patched.new_zeros(self.num_classes), patched), self.known).to(dtype)

    def add_to_(self, rows: Tensor, scale: Amount) -> None:
        if not may_look(rows) or not may_look(self.row):
            Dense(self.written()).add_to_(rows, scale)
            return
        patched = rows[self.places]
        Dense(self.patch).add_to_(patched, scale[self.places] if isinstance(scale, Tensor) else scale)
        self.hard.add_to_(rows, scale)
        rows[self.places] = patched

    def to(self, device: torch.device | str) -> Patched:
        known = None if self.known is None else self.known.to(device)
        return Patched(self.patches.to(device), self.row.to(device), known)

    def select(self, rows: Rows) -> Patched:
        return Patched(self.patches, self.row[rows], None if self.known is None else self.known[rows])

    def of_row(self, of_class: Tensor, of_patch: Tensor) -> Tensor:
        """What belongs to each element, of what belongs to each class (K, ...) and to each patch (P, ...)."""
        return torch.cat([of_class, of_patch])[self.row.long()]

    def written(self) -> Tensor:
        """The rows (..., K), whether known or not."""
        return self.of_row(torch.eye(self.num_classes, dtype=self.patches.dtype, device=self.device), self.patches)

    @cached_property
    def hard(self) -> Sparse:
        """The elements as if each had one class; that of the patched ones is any."""
        index = self.row.clamp_max(self.num_classes - 1).long()
        return Sparse(index[..., None], 1.0, 0.0, self.num_classes, index=index)

    @cached_property
    def places(self) -> Places:
        """The positions of the patched elements, one tensor per batch axis."""
        return (self.row >= self.num_classes).nonzero(as_tuple=True)

    @cached_property
    def patch(self) -> Tensor:
        """The rows of the patched elements, in the order of their places."""
        return self.patches[self.row[self.places].long() - self.num_classes]
