"""What a network's head is fed, caught while the network answers, so that features cost no pass of their own."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from torch import Tensor, nn

from softlabel.networks.network import Network


class PooledFeatures:
    """Inside a `with` block, `last` holds the pooled features (N, D) of the last batch."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.last: Tensor | None = None

    def _catch(self, head: nn.Module, inputs: tuple[Any, ...]) -> None:
        self.last = inputs[0].detach()

    def __enter__(self) -> Self:
        self._hook = self._network.head.register_forward_pre_hook(self._catch)
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: TracebackType | None) -> None:
        self._hook.remove()
