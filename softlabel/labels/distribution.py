"""What every label distribution can do, whatever plain tensors it is lowered to."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from softlabel.labels.checks import all_true
from softlabel.labels.modes import may_look

Rows = slice | Tensor | tuple[slice, ...]
Amount = Tensor | float


class LabelDistribution(ABC):
    """A probability over K classes for each element of a batch of any shape; the class axis is last.

    A row sums to 1, or is all zero where the element is ignored (mass 0). Losses, entropy and mixing see only the
    lowered forms (`Sparse`, `Table`, `Patched`, `Dense` and the weighted sum `Mixture`), so a new kind is a function
    that returns one of them. All tensors may carry gradients.
    Source: the term is that of Geng, IEEE TKDE 2016.

    >>> import torch
    >>> import softlabel as sl
    >>> label = sl.labels.smoothed(torch.tensor([0, 1]), num_classes=3, epsilon=0.3)
    >>> label
    Sparse(shape=(2,), num_classes=3, device='cpu')
    >>> label.inner(torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]))  # <q, logits>, q is not written out
    tensor([0.8000, 0.1000])
    """

    num_classes: int
    known: Tensor | None
    """Bool, of the batch shape: False where the element is ignored. None: all are known."""

    @property
    @abstractmethod
    def shape(self) -> torch.Size:
        """The batch shape, without the class axis."""

    @property
    @abstractmethod
    def tensors(self) -> tuple[Tensor, ...]:
        """Every tensor this label is lowered to."""

    @abstractmethod
    def inner(self, logits: Tensor) -> Tensor:
        """<q, logits> over the classes: logits (..., K), class axis last -> (...).

        An infinite logit counts only where q is not 0. Sums are float32 at least.
        """

    @abstractmethod
    def expectation(self, values: Tensor) -> Tensor:
        """<q, values> for one value per class: values (K,) -> (...)."""

    @abstractmethod
    def dense(self, dtype: torch.dtype | None = None) -> Tensor:
        """The probabilities written out, (..., K); without a dtype, as they were given or in torch's default."""

    @abstractmethod
    def entropy(self, dtype: torch.dtype | None = None) -> Tensor:
        """H(q) in nats, (...); 0 where the element is ignored."""

    @abstractmethod
    def add_to_(self, rows: Tensor, scale: Amount) -> None:
        """rows += scale q in place, without writing q out: rows (..., K), scale a number or (...).

        What is added to the rows of ignored elements is not defined.
        """

    @abstractmethod
    def to(self, device: torch.device | str) -> LabelDistribution:
        """The same labels on another device."""

    @abstractmethod
    def select(self, rows: Rows) -> LabelDistribution:
        """The elements at these positions (slice, indices or bool) of the first batch axis, or at slices of several."""

    def row_sums(self) -> Tensor | None:
        """The sum of each row, (...), for forms that hold whatever they were given; None where it is 1 by nature."""
        return None

    def at_hand(self) -> LabelDistribution:
        """The same labels in a form that is cheap to read several times; for blocks of rows, not for whole batches."""
        return self

    @property
    def device(self) -> torch.device:
        return self.tensors[0].device

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient is to flow into the label itself."""
        return any(tensor.requires_grad for tensor in self.tensors)

    @property
    def mass(self) -> Tensor:
        """1 where the element counts, 0 where it is ignored, (...)."""
        if self.known is None:
            return torch.ones(self.shape, device=self.device)
        return self.known.to(torch.get_default_dtype())

    def mass_or_none(self) -> Tensor | None:
        """The mass, or None if no element is ignored; to find that out, values are looked at where that is free."""
        if self.known is None or (may_look(self.known) and all_true(self.known)):
            return None
        return self.mass

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(shape={tuple(self.shape)}, num_classes={self.num_classes}, device='{self.device}')"
        )
