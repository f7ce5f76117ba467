"""What a loss says of itself, in one place, so that every path of the engine can compute it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from torch import Tensor

from softlabel.labels import LabelDistribution
from softlabel.labels.distribution import Amount

_KINDS: dict[str, type[FusedLoss]] = {}


class FusedLoss(ABC):
    """A loss of a row of logits and its label.

    A subclass is found by its name where only text and numbers get through (an operator of torch.library), and is made
    of `numbers`, in the order of its arguments.
    """

    numbers: tuple[float, ...]

    def __init__(self) -> None:
        self.numbers = ()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        _KINDS[f"{cls.__module__}.{cls.__qualname__}"] = cls

    @property
    def name(self) -> str:
        return f"{type(self).__module__}.{type(self).__qualname__}"

    @abstractmethod
    def values(self, logits: Tensor, label: LabelDistribution) -> Tensor:
        """By differentiable operations: logits (..., K) -> (...)."""

    @abstractmethod
    def block(self, work: Tensor, label: LabelDistribution, scale: Amount | None) -> Tensor:
        """The same for a block of rows that fits into a cache: `work` (..., K), the logits less their maxima -> (...).

        `work` may be written to; with a scale, a number or (...), it becomes scale times the gradient in the logits.
        A value that is finite says that its row of the gradient is.
        """

    def in_torch(self) -> Callable[..., Tensor] | None:
        """PyTorch's own function for this, called like its cross-entropy; None if it has none."""
        return None


def loss_named(name: str, numbers: Sequence[float]) -> FusedLoss:
    return _KINDS[name](*numbers)
