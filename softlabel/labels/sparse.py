"""Lowered form: a background per row plus a few entries (hard, smoothed, top-k, and mixes of those)."""

from __future__ import annotations

import torch
from torch import Tensor

from softlabel.labels.amounts import accumulation_dtype, exact_dtype, only_known, surprise, times
from softlabel.labels.distribution import Amount, LabelDistribution, Rows


class Sparse(LabelDistribution):
    """q = background + the values at the indices; values at the same index add up.

    Shapes: indices (..., m) in [0, K), values a number or (..., m), background a number or (...), known None or (...).
    Numbers stay Python numbers, which cost nothing and are exact. `index` (...) is the indices without their axis,
    where there is one entry and whoever makes the label has it at hand.
    Source: smoothing taken apart, (1 - epsilon) onehot + epsilon uniform, in Szegedy et al., CVPR 2016, section 7.

    >>> import torch
    >>> import softlabel as sl
    >>> label = sl.labels.Sparse(torch.tensor([[2, 0]]), torch.tensor([[0.6, 0.2]]), background=0.05, num_classes=4)
    >>> label.dense()
    tensor([[0.2500, 0.0500, 0.6500, 0.0500]])
    """

    def __init__(
        self,
        indices: Tensor,
        values: Amount,
        background: Amount,
        num_classes: int,
        known: Tensor | None = None,
        *,
        index: Tensor | None = None,
    ) -> None:
        shape = indices.shape[:-1]
        self.indices = indices
        self.index = index
        self.values = values.expand(indices.shape) if isinstance(values, Tensor) else values
        self.background = background.expand(shape) if isinstance(background, Tensor) else background
        self.num_classes = num_classes
        self.known = known

    @property
    def shape(self) -> torch.Size:
        return self.indices.shape[:-1]

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        return tuple(x for x in (self.indices, self.values, self.background, self.known) if isinstance(x, Tensor))

    def inner(self, logits: Tensor) -> Tensor:
        dtype = accumulation_dtype(logits.dtype)
        if self.epsilon == 0:
            return only_known(logits.gather(-1, self.indices).squeeze(-1).to(dtype), self.known)
        result = times(self.values, logits.gather(-1, self.indices).to(dtype)).sum(-1)
        if isinstance(self.background, Tensor) or self.background:
            result = result + times(self.background, logits.sum(-1, dtype=dtype))
        return only_known(result, self.known)

    def expectation(self, values: Tensor) -> Tensor:
        result = (values[self.indices] * self.values).sum(-1)
        if isinstance(self.background, Tensor) or self.background:
            result = result + values.sum() * self.background
        return only_known(result, self.known)

    @property
    def epsilon(self) -> float | None:
        """The share that is spread evenly, of labels that are one class and the same for every element; else None."""
        if isinstance(self.values, Tensor) or isinstance(self.background, Tensor) or self.indices.shape[-1] != 1:
            return None
        return self.background * self.num_classes

    @property
    def single_index(self) -> Tensor:
        """The class of each element (...), of labels with one entry."""
        return self.indices.squeeze(-1) if self.index is None else self.index

    def dense(self, dtype: torch.dtype | None = None) -> Tensor:
        dtype = dtype or torch.get_default_dtype()
        shape = (*self.shape, self.num_classes)
        if isinstance(self.background, Tensor):
            rows = self.background.to(dtype)[..., None].expand(shape)
        else:
            rows = torch.full(shape, self.background, dtype=dtype, device=self.device)
        rows = rows.scatter_add(-1, self.indices, self.value_tensor().to(dtype))
        return rows if self.known is None else rows.masked_fill(~self.known[..., None], 0)

    def entropy(self, dtype: torch.dtype | None = None) -> Tensor:
        entries = self.coalesced_values()
        background = torch.as_tensor(self.background, dtype=entries.dtype, device=self.device)
        rest = surprise(background)
        lifted = surprise((background[..., None] + entries).clamp_min(0)) - rest[..., None]
        entropy = self.num_classes * rest + lifted.masked_fill(entries == 0, 0).sum(-1)
        return only_known(entropy, self.known).to(dtype or torch.get_default_dtype())

    def add_to_(self, rows: Tensor, scale: Amount) -> None:
        if isinstance(self.background, Tensor) or self.background:
            shift = self.background * scale
            rows.add_(shift[..., None].to(rows.dtype) if isinstance(shift, Tensor) else shift)
        values = self.values * (scale[..., None] if isinstance(scale, Tensor) else scale)
        if isinstance(values, Tensor):
            rows.scatter_add_(-1, self.indices, values.to(rows.dtype).expand(self.indices.shape))
        else:
            rows.scatter_add_(-1, self.indices, rows.new_full((), values).expand(self.indices.shape))

    @property
    def requires_grad(self) -> bool:
        return any(isinstance(x, Tensor) and x.requires_grad for x in (self.values, self.background))

    def to(self, device: torch.device | str) -> Sparse:
        values, background = (x.to(device) if isinstance(x, Tensor) else x for x in (self.values, self.background))
        known = None if self.known is None else self.known.to(device)
        return Sparse(self.indices.to(device), values, background, self.num_classes, known)

    def select(self, rows: Rows) -> Sparse:
        values, background = (x[rows] if isinstance(x, Tensor) else x for x in (self.values, self.background))
        known = None if self.known is None else self.known[rows]
        return Sparse(self.indices[rows], values, background, self.num_classes, known)

    def value_tensor(self) -> Tensor:
        """The values as a tensor (..., m); numbers become float64."""
        if isinstance(self.values, Tensor):
            return self.values
        return torch.full(self.indices.shape, self.values, dtype=exact_dtype(self.device), device=self.device)

    def coalesced_values(self) -> Tensor:
        """The values (..., m) with those of one index gathered in its first entry and 0 in its other ones."""
        values = self.value_tensor()
        if self.indices.shape[-1] < 2:
            return values
        order = self.indices.argsort(dim=-1, stable=True)
        ordered = self.indices.gather(-1, order)
        starts = torch.ones_like(ordered, dtype=torch.bool)
        starts[..., 1:] = ordered[..., 1:] != ordered[..., :-1]
        run = starts.cumsum(-1) - 1
        return torch.zeros_like(values).scatter_add(-1, run, values.gather(-1, order))
