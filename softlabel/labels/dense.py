"""Lowered form and kind: the probabilities themselves."""

from __future__ import annotations

import torch
from torch import Tensor

from softlabel.labels.amounts import accumulation_dtype, dot, only_known, surprise
from softlabel.labels.checks import check_probabilities
from softlabel.labels.distribution import Amount, LabelDistribution, Rows
from softlabel.labels.modes import may_look


class Dense(LabelDistribution):
    """q = probabilities, (..., K). A row without any mass is ignored, as if it were not there.

    `full` says that there is no such row, which then need not be looked for.
    Source: the description degrees of Geng, IEEE TKDE 2016.

    >>> import torch
    >>> import softlabel as sl
    >>> label = sl.labels.Dense(torch.tensor([[0.5, 0.5], [0.0, 0.0]]))
    >>> label.mass  # the second row is ignored
    tensor([1., 0.])
    """

    def __init__(self, probabilities: Tensor, known: Tensor | None = None, *, full: bool = False) -> None:
        self.probabilities = probabilities
        self.full = full
        self.num_classes = probabilities.shape[-1]
        self.known = known

    @property
    def shape(self) -> torch.Size:
        return self.probabilities.shape[:-1]

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        return (self.probabilities,) if self.known is None else (self.probabilities, self.known)

    @property
    def mass(self) -> Tensor:
        return only_known((self.row_sums() != 0).to(torch.get_default_dtype()), self.known)

    def mass_or_none(self) -> Tensor | None:
        if self.full and self.known is None:
            return None
        if self.full or self.no_row_is_empty():
            return super().mass_or_none()
        return self.mass

    def no_row_is_empty(self) -> bool:
        """Whether that can be told without a wait; where there are many columns, most often a few of them tell."""
        if not may_look(self.probabilities) or self.probabilities.requires_grad:
            return False
        if self.num_classes > 256 and self.probabilities[..., :64].sum(-1).all():
            return True
        return bool(self.probabilities.sum(-1).all())

    @property
    def requires_grad(self) -> bool:
        return self.probabilities.requires_grad

    def inner(self, logits: Tensor) -> Tensor:
        return only_known(dot(self.probabilities, logits), self.known)

    def expectation(self, values: Tensor) -> Tensor:
        dtype = accumulation_dtype(self.probabilities.dtype)
        return only_known(self.probabilities.to(dtype) @ values.to(dtype), self.known)

    def dense(self, dtype: torch.dtype | None = None) -> Tensor:
        rows = self.probabilities.to(dtype or self.probabilities.dtype)
        return rows if self.known is None else rows.masked_fill(~self.known[..., None], 0)

    def entropy(self, dtype: torch.dtype | None = None) -> Tensor:
        dtype = dtype or self.probabilities.dtype
        return only_known(surprise(self.probabilities.to(accumulation_dtype(dtype))).sum(-1), self.known).to(dtype)

    def add_to_(self, rows: Tensor, scale: Amount) -> None:
        if isinstance(scale, Tensor):
            rows.addcmul_(self.probabilities.to(rows.dtype), scale[..., None].to(rows.dtype))
        else:
            rows.add_(self.probabilities, alpha=scale)

    def row_sums(self) -> Tensor:
        return self.probabilities.sum(-1, dtype=accumulation_dtype(self.probabilities.dtype))

    def to(self, device: torch.device | str) -> Dense:
        return Dense(
            self.probabilities.to(device), None if self.known is None else self.known.to(device), full=self.full
        )

    def select(self, rows: Rows) -> Dense:
        return Dense(self.probabilities[rows], None if self.known is None else self.known[rows], full=self.full)


def dense(probabilities: Tensor, *, validate: bool = True) -> Dense:
    """Distributions written out.

    Shapes: probabilities (..., K)  ->  labels of shape (..., K).
    Raises ValueError with the first row that is negative, not finite, or does not sum to 1.
    Source: the description degrees of Geng, IEEE TKDE 2016; class probabilities in PyTorch's cross-entropy.

    >>> import torch
    >>> import softlabel as sl
    >>> label = sl.labels.dense(torch.tensor([[0.5, 0.5], [0.9, 0.1]]))
    >>> label.entropy()  # nats
    tensor([0.6931, 0.3251])
    """
    if not probabilities.is_floating_point():
        raise TypeError(f"probabilities are {probabilities.dtype}, expected a floating dtype (counts go to votes())")
    if validate:
        check_probabilities(probabilities, "probabilities")
    return Dense(probabilities, full=validate)
