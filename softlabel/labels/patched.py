"""Lowered form: one class for each element, of which some give shares to others (masks, soft at their borders)."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from softlabel.labels.amounts import accumulation_dtype, dot, only_known, surprise, times
from softlabel.labels.dense import Dense
from softlabel.labels.distribution import Amount, LabelDistribution, Rows
from softlabel.labels.modes import may_look


class Patched(LabelDistribution):
    """q = onehot(index), of which element place[m] gives share[m] to class other[m].

    Shapes: index (...) integer in [0, K); place (M,) ascending positions in the flattened batch, several times for
    several classes, other (M,) in [0, K) and not the element's own, share (M,) from 0, that leave something of the own
    class; known None or (...).
    """

    def __init__(
        self,
        index: Tensor,
        place: Tensor,
        other: Tensor,
        share: Tensor,
        num_classes: int,
        known: Tensor | None = None,
    ) -> None:
        self.index = index
        self.place = place
        self.other = other
        self.share = share
        self.num_classes = num_classes
        self.known = known

    @property
    def shape(self) -> torch.Size:
        return self.index.shape

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        own = (self.index, self.place, self.other, self.share)
        return own if self.known is None else (*own, self.known)

    def inner(self, logits: Tensor) -> Tensor:
        if not may_look(logits) or not may_look(self.index):
            return only_known(dot(self.written(), logits), self.known)
        dtype = accumulation_dtype(logits.dtype)
        own = logits.gather(-1, self.own[..., None]).squeeze(-1).to(dtype)
        given = times(self.share, logits.take(self.entries).to(dtype))
        return only_known(self.added(self.kept.to(dtype) * own, given), self.known)

    def expectation(self, values: Tensor) -> Tensor:
        own = self.kept * values[self.own]
        return only_known(self.added(own, self.share * values[self.other]), self.known)

    def dense(self, dtype: torch.dtype | None = None) -> Tensor:
        rows = self.written().to(dtype or self.share.dtype)
        return rows if self.known is None else rows.masked_fill(~self.known[..., None], 0)

    def entropy(self, dtype: torch.dtype | None = None) -> Tensor:
        dtype = dtype or self.share.dtype
        kept, share = (surprise(amount.to(accumulation_dtype(dtype))) for amount in (self.kept, self.share))
        return only_known(self.added(kept, share), self.known).to(dtype)

    def add_to_(self, rows: Tensor, scale: Amount) -> None:
        if not may_look(rows) or not may_look(self.index):
            Dense(self.written()).add_to_(rows, scale)
            return
        kept = (self.kept * scale).to(rows.dtype)
        rows.scatter_add_(-1, self.own[..., None], kept[..., None])
        given = self.share * (scale.flatten()[self.place] if isinstance(scale, Tensor) else scale)
        rows.put_(self.entries, given.to(rows.dtype), accumulate=True)

    def to(self, device: torch.device | str) -> Patched:
        index, place, other, share = (x.to(device) for x in (self.index, self.place, self.other, self.share))
        known = None if self.known is None else self.known.to(device)
        return Patched(index, place, other, share, self.num_classes, known)

    def select(self, rows: Rows) -> Patched:
        index, known = self.index[rows], None if self.known is None else self.known[rows]
        if not isinstance(rows, Tensor) and self.index.is_contiguous() and index.is_contiguous():
            begin = int(index.storage_offset() - self.index.storage_offset())
            ends = torch.tensor([begin, begin + index.numel()], device=self.device)
            some = slice(*torch.searchsorted(self.place, ends).tolist())
            place = self.place[some] - begin
            return Patched(index, place, self.other[some], self.share[some], self.num_classes, known)
        origin = torch.arange(self.index.numel(), device=self.device).view(self.shape)[rows].flatten()
        first, end = torch.searchsorted(self.place, origin), torch.searchsorted(self.place, origin, right=True)
        place = torch.repeat_interleave(end - first)
        nth = torch.arange(len(place), device=self.device) - torch.searchsorted(place, place)
        given = first[place] + nth
        return Patched(index, place, self.other[given], self.share[given], self.num_classes, known)

    def added(self, own: Tensor, given: Tensor) -> Tensor:
        """An amount for each element (...), and what is to be added to it for each share that is given (M,)."""
        return own.flatten().index_add(0, self.place, given.to(own.dtype)).view(self.shape)

    def written(self) -> Tensor:
        """The rows (..., K), whether known or not."""
        own, first = self.index.long(), self.place * self.num_classes
        rows = self.share.new_zeros(*self.shape, self.num_classes).scatter(-1, own[..., None], 1).flatten()
        rows = rows.index_add(0, first + self.other, self.share)
        rows = rows.index_add(0, first + own.flatten()[self.place], self.share, alpha=-1)
        return rows.view(*self.shape, self.num_classes)

    @cached_property
    def own(self) -> Tensor:
        """The index as PyTorch wants it."""
        return self.index.long()

    @cached_property
    def kept(self) -> Tensor:
        """The share of each element's own class, (...)."""
        whole = self.share.new_ones(self.index.numel())
        return whole.index_add(0, self.place, self.share, alpha=-1).view(self.shape)

    @cached_property
    def entries(self) -> Tensor:
        """The positions of the shares in flattened rows (..., K), (M,)."""
        return self.place * self.num_classes + self.other
