"""Mixtures of two label distributions of any kinds (mixup, online smoothing, a teacher beside the label)."""

from __future__ import annotations

import torch
from torch import Tensor

from softlabel.labels.amounts import both_known, exact_dtype, only_known, per_row, surprise, times
from softlabel.labels.distribution import Amount, LabelDistribution, Rows
from softlabel.labels.modes import may_look
from softlabel.labels.sparse import Sparse


class Mixture(LabelDistribution):
    """Lowered form: a weighted sum of other forms, none of which is written out. Weights are numbers or (...).

    Source: the soft targets of mixup (Zhang et al., ICLR 2018, section 1), for any two kinds.

    >>> import torch
    >>> import softlabel as sl
    >>> votes = sl.labels.votes(torch.tensor([[3, 1]]))
    >>> both = sl.labels.mix(votes, sl.labels.hard(torch.tensor([1]), 2), 0.5)
    >>> type(both).__name__, both.dense()
    ('Mixture', tensor([[0.3750, 0.6250]]))
    """

    def __init__(self, parts: tuple[LabelDistribution, ...], weights: tuple[Amount, ...]) -> None:
        self.parts = parts
        self.weights = weights
        self.num_classes = parts[0].num_classes
        self.known = None
        for part in parts:
            self.known = both_known(self.known, part.known)

    @property
    def shape(self) -> torch.Size:
        return self.parts[0].shape

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        own = tuple(weight for weight in self.weights if isinstance(weight, Tensor))
        return tuple(tensor for part in self.parts for tensor in part.tensors) + own

    def inner(self, logits: Tensor) -> Tensor:
        return self.total([part.inner(logits) for part in self.parts])

    def expectation(self, values: Tensor) -> Tensor:
        return self.total([part.expectation(values) for part in self.parts])

    @property
    def mass(self) -> Tensor:
        mass = self.parts[0].mass
        for part in self.parts[1:]:
            mass = mass * part.mass
        return mass

    def mass_or_none(self) -> Tensor | None:
        masses = [mass for mass in (part.mass_or_none() for part in self.parts) if mass is not None]
        return torch.stack(masses).prod(0) if masses else None

    def dense(self, dtype: torch.dtype | None = None) -> Tensor:
        weights = [weight[..., None] if isinstance(weight, Tensor) else weight for weight in self.weights]
        rows = sum_of([part.dense(dtype) * weight for part, weight in zip(self.parts, weights, strict=True)])
        rows = rows if dtype is None else rows.to(dtype)
        return rows if self.known is None else rows.masked_fill(~self.known[..., None], 0)

    def entropy(self, dtype: torch.dtype | None = None) -> Tensor:
        return surprise(self.dense(dtype)).sum(-1)

    def add_to_(self, rows: Tensor, scale: Amount) -> None:
        for part, weight in zip(self.parts, self.weights, strict=True):
            part.add_to_(rows, weight * scale)

    def row_sums(self) -> Tensor | None:
        sums = [part.row_sums() for part in self.parts]
        if all(each is None for each in sums):
            return None
        return self.total([self.parts[0].mass if each is None else each for each in sums])

    def at_hand(self) -> Mixture:
        return Mixture(tuple(part.at_hand() for part in self.parts), self.weights)

    def to(self, device: torch.device | str) -> Mixture:
        weights = tuple(w.to(device) if isinstance(w, Tensor) else w for w in self.weights)
        return Mixture(tuple(part.to(device) for part in self.parts), weights)

    def select(self, rows: Rows) -> Mixture:
        weights = tuple(w[rows] if isinstance(w, Tensor) else w for w in self.weights)
        return Mixture(tuple(part.select(rows) for part in self.parts), weights)

    def total(self, terms: list[Tensor]) -> Tensor:
        """The weighted sum of one term per part."""
        weighted = [times(weight, term) for weight, term in zip(self.weights, terms, strict=True)]
        return only_known(sum_of(weighted), self.known)


def mix(a: LabelDistribution, b: LabelDistribution, weight: float | Tensor) -> LabelDistribution:
    """weight a + (1 - weight) b, for any two kinds; background-and-entries labels stay such, nothing is written out.

    Shapes: weight a number, (N,) or the labels' own shape. An element ignored in either is ignored: half of its label
    is not known. Under torch.compile give a weight that changes as a tensor: a number is compiled in.
    Raises ValueError if the labels differ in shape or classes, or for a number as weight outside [0, 1].
    Source: mixup (Zhang et al., ICLR 2018, section 1), with any two kinds.

    >>> import torch
    >>> import softlabel as sl
    >>> votes = sl.labels.votes(torch.tensor([[3, 1]]))
    >>> smoothed = sl.labels.smoothed(torch.tensor([0]), 2, epsilon=0.2)
    >>> sl.labels.mix(votes, smoothed, 0.6).dense()  # 60 % votes
    tensor([[0.8100, 0.1900]])
    """
    if a.shape != b.shape or a.num_classes != b.num_classes:
        raise ValueError(
            f"cannot mix labels of shape {tuple(a.shape)} over {a.num_classes} classes"
            f" with labels of shape {tuple(b.shape)} over {b.num_classes} classes"
        )
    if isinstance(weight, Tensor):
        weight = per_row(weight, a.shape, "weight")
    elif not 0 <= weight <= 1:
        raise ValueError(f"weight is {weight}, expected a share between 0 and 1")
    if isinstance(a, Sparse) and isinstance(b, Sparse):
        return mix_sparse(a, b, weight)
    return Mixture((a, b), (weight, 1 - weight))


def mix_sparse(a: Sparse, b: Sparse, weight: Amount) -> Sparse:
    """The entries of both, side by side."""
    background = a.background * weight + b.background * (1 - weight)
    if a.index is not None and a.index is b.index and not isinstance(weight, Tensor):
        values = a.values * weight + b.values * (1 - weight)  # one and the same class
        return Sparse(a.indices, values, background, a.num_classes, both_known(a.known, b.known), index=a.index)
    indices = torch.cat([a.indices, b.indices], -1)
    share = weight[..., None] if isinstance(weight, Tensor) else weight
    values = side_by_side(a.values * share, a.indices, b.values * (1 - share), b.indices)
    return Sparse(indices, values, background, a.num_classes, both_known(a.known, b.known))


def side_by_side(first: Amount, like_first: Tensor, second: Amount, like_second: Tensor) -> Tensor:
    """The values of two sets of entries as one tensor."""
    if may_look(like_first) and not isinstance(first, Tensor) and not isinstance(second, Tensor):
        row = [first] * like_first.shape[-1] + [second] * like_second.shape[-1]
        return torch.tensor(row, dtype=torch.float64)  # the same for every element
    return torch.cat([spread(first, like_first), spread(second, like_second)], -1)


def spread(values: Amount, like: Tensor) -> Tensor:
    if isinstance(values, Tensor):
        return values.expand(like.shape)
    return torch.full(like.shape, values, dtype=exact_dtype(like.device), device=like.device)


def sum_of(terms: list[Tensor]) -> Tensor:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
