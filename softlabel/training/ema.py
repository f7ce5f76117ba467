"""An exponential moving average of the weights (Polyak & Juditsky 1992; Tarvainen & Valpola, NeurIPS 2017)."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


class AveragedNetwork:
    """A copy of a network whose weights follow the trained ones: average ← d · average + (1 − d) · weights.

    d = min(decay, (1 + t) / (10 + t)) after t steps, so that the start is soon forgotten. Buffers (the statistics of
    batch normalisation) are copied.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.network = _copy(network)

    @torch.no_grad()
    def restart(self, network: nn.Module) -> None:
        """Begin again at these weights: a stage begins, or has changed them without steps."""
        self.network = _copy(network)  # whose head may be of another kind now

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Follow the weights after step t, counted from 0 over all stages."""
        share = 1 - min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self.network.parameters()), _detached(network), share)
        for mine, other in zip(self.network.buffers(), network.buffers(), strict=True):
            mine.copy_(other)


def _copy(network: nn.Module) -> nn.Module:
    return copy.deepcopy(network).requires_grad_(False).eval()


def _detached(network: nn.Module) -> list[Tensor]:
    return [parameter.detach() for parameter in network.parameters()]
