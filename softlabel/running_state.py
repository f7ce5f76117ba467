"""Running statistics that say how they are reduced over processes, and are updated in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import torch
from torch import Tensor

Reduction = Literal["sum", "max", "replace"]
AllReduce = Callable[[Tensor, Literal["sum", "max"]], Tensor]


class RunningState:
    """Named tensors, each declared with its reduction: `sum` and `max` are merged, `replace` is equal everywhere.

    Not an nn.Module, so that no wrapper broadcasts or casts its tensors.
    """

    def __init__(self) -> None:
        self._reductions: dict[str, Reduction] = {}
        self._tensors: dict[str, Tensor] = {}

    def declare(self, name: str, value: Tensor, reduction: Reduction) -> Tensor:
        """Register a tensor and return it; it must only be changed in place."""
        self._tensors[name] = value
        self._reductions[name] = reduction
        return value

    def __iter__(self) -> Iterator[tuple[str, Tensor]]:
        return iter(self._tensors.items())

    def state_dict(self) -> dict[str, Tensor]:
        """Copies of all tensors, by name."""
        return {name: value.clone() for name, value in self._tensors.items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Copy saved tensors in place. Raises KeyError when the names differ, ValueError when a shape does."""
        if state.keys() != self._tensors.keys():
            raise KeyError(f"saved state has {sorted(state)}, expected {sorted(self._tensors)}")
        for name, value in self._tensors.items():
            if state[name].shape != value.shape:
                raise ValueError(f"saved {name} has the shape {list(state[name].shape)}, expected {list(value.shape)}")
            value.copy_(state[name])

    def merge_(self, other: RunningState) -> None:
        """Add the statistics of another state of the same kind to this one."""
        for name, value in self._tensors.items():
            _merge(value, other._tensors[name], self._reductions[name])

    def all_reduce_(self, all_reduce: AllReduce) -> None:
        """Merge over processes: one call per reduction, whatever the number of tensors."""
        for operation in ("sum", "max"):
            values = [value for name, value in self._tensors.items() if self._reductions[name] == operation]
            if values:
                _unpack(all_reduce(torch.cat([value.flatten().double() for value in values]), operation), values)

    def to_(self, device: torch.device | str) -> None:
        """Move every tensor; the attributes that `declare` returned must be read again through `tensor`."""
        self._tensors = {name: value.to(device) for name, value in self._tensors.items()}

    def tensor(self, name: str) -> Tensor:
        """The registered tensor of this name."""
        return self._tensors[name]


def _merge(value: Tensor, other: Tensor, reduction: Reduction) -> None:
    if reduction == "sum":
        value.add_(other)
    elif reduction == "max":
        torch.maximum(value, other, out=value)


def _unpack(flat: Tensor, values: list[Tensor]) -> None:
    for value, part in zip(values, torch.split(flat, [value.numel() for value in values]), strict=True):
        value.copy_(part.view_as(value))
