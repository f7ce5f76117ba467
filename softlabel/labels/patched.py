"""Lowered form: one class for most elements, a few entries for the others (masks, which are soft at borders)."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from softlabel.labels.amounts import accumulation_dtype, dot, only_known, surprise, times
from softlabel.labels.dense import Dense
from softlabel.labels.distribution import Amount, LabelDistribution, Rows
from softlabel.labels.modes import may_look
from softlabel.labels.sparse import Sparse


class Patched(LabelDistribution):
    """q = onehot(row) where row < K; the others are patch row - K: its values at its indices.

    Shapes: indices (P, m) in [0, K), values (P, m) that sum to 1, row (...) integer in [0, K + P), known None or (...).
    A patch lists a class once, apart from values of 0. Where values may be looked at, a loss takes all elements as
    hard labels and then sets the patched ones right.
    """

    def __init__(
        self, indices: Tensor, values: Tensor, row: Tensor, num_classes: int, known: Tensor | None = None
    ) -> None:
        self.indices = indices
        self.values = values
        self.row = row
        self.num_classes = num_classes
        self.known = known

    @property
    def shape(self) -> torch.Size:
        return self.row.shape

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        own = (self.indices, self.values, self.row)
        return own if self.known is None else (*own, self.known)

    def inner(self, logits: Tensor) -> Tensor:
        if not may_look(logits) or not may_look(self.row):
            return only_known(dot(self.written(), logits), self.known)
        inner = self.hard.inner(logits)
        patched = times(self.shares, logits.take(self.entries).to(inner.dtype)).sum(-1).to(inner.dtype)
        flat = inner.flatten()
        flat[self.places] = patched
        return only_known(flat.view(self.shape), self.known)

    def expectation(self, values: Tensor) -> Tensor:
        patched = (values[self.indices] * self.values).sum(-1)
        return only_known(self.of_row(values.to(patched.dtype), patched), self.known)

    def dense(self, dtype: torch.dtype | None = None) -> Tensor:
        rows = self.written().to(dtype or self.values.dtype)
        return rows if self.known is None else rows.masked_fill(~self.known[..., None], 0)

    def entropy(self, dtype: torch.dtype | None = None) -> Tensor:
        dtype = dtype or self.values.dtype
        patched = surprise(self.values.to(accumulation_dtype(dtype))).sum(-1)
        return only_known(self.of_row(patched.new_zeros(self.num_classes), patched), self.known).to(dtype)

    def add_to_(self, rows: Tensor, scale: Amount) -> None:
        if not may_look(rows) or not may_look(self.row):
            Dense(self.written()).add_to_(rows, scale)
            return
        self.hard.add_to_(rows, scale)
        change = self.shares.to(rows.dtype, copy=True)
        change[:, 0] -= 1  # which the hard label has added
        share = scale.flatten()[self.places, None] if isinstance(scale, Tensor) else scale
        rows.put_(self.entries, change.mul_(share), accumulate=True)

    def to(self, device: torch.device | str) -> Patched:
        known = None if self.known is None else self.known.to(device)
        return Patched(self.indices.to(device), self.values.to(device), self.row.to(device), self.num_classes, known)

    def select(self, rows: Rows) -> Patched:
        known = None if self.known is None else self.known[rows]
        return Patched(self.indices, self.values, self.row[rows], self.num_classes, known)

    def of_row(self, of_class: Tensor, of_patch: Tensor) -> Tensor:
        """What belongs to each element, of what belongs to each class (K, ...) and to each patch (P, ...)."""
        return torch.cat([of_class, of_patch])[self.row.long()]

    def written(self) -> Tensor:
        """The rows (..., K), whether known or not."""
        one_hot = torch.eye(self.num_classes, dtype=self.values.dtype, device=self.device)
        patches = self.values.new_zeros(len(self.indices), self.num_classes)
        return self.of_row(one_hot, patches.scatter_add(-1, self.indices, self.values))

    @cached_property
    def hard(self) -> Sparse:
        """The elements as if each had one class; that of the patched ones is their first."""
        index = self.row.flatten().long()
        index[self.places] = self.indices[:, 0].index_select(0, self.patch)
        index = index.view(self.shape)
        return Sparse(index[..., None], 1.0, 0.0, self.num_classes, index=index)

    @cached_property
    def places(self) -> Tensor:
        """The B patched elements, as positions in the flattened batch, (B,)."""
        return (self.row >= self.num_classes).flatten().nonzero().squeeze(1)

    @cached_property
    def patch(self) -> Tensor:
        """The patches of the patched elements, (B,)."""
        return self.row.flatten().index_select(0, self.places).long() - self.num_classes

    @cached_property
    def shares(self) -> Tensor:
        """The values of the patched elements, (B, m)."""
        return self.values.index_select(0, self.patch)

    @cached_property
    def entries(self) -> Tensor:
        """The positions of the patched elements' entries in flattened rows (..., K), (B, m)."""
        return self.places[:, None] * self.num_classes + self.indices.index_select(0, self.patch)
