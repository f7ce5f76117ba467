"""What a network's head is fed, caught while the network answers, so that features cost no pass of their own."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor, nn

from softlabel.data.batches import batches
from softlabel.data.samples import HeldSamples, Samples
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


@torch.no_grad()
def cached_features(samples: Samples, network: Network, device: torch.device, batch_size: int) -> HeldSamples:
    """Pooled features (N, D) of all samples, in their order, by the network in evaluation mode."""
    was_training = network.training
    network.eval()
    order = torch.arange(len(samples))
    found = [network.features(b.inputs.to(device)).pooled.cpu() for b in batches(samples, order, batch_size)]
    network.train(was_training)
    return HeldSamples(torch.cat(found), order, samples.annotation, samples.sample_id)
