"""A network as it answers: with the method's adjustment of its logits."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from softlabel.errors import UnsupportedError
from softlabel.methods.base.method import Method


class Inference(nn.Module):
    """Raw inputs -> adjusted logits (N, K)."""

    def __init__(self, network: nn.Module, method: Method) -> None:
        super().__init__()
        self.network = network
        self._adjust: Callable[[Tensor], Tensor] = method.adjust

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.network.parameters()).device

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.network(inputs)
        return self._adjust(logits)


@torch.no_grad()
def adjustment_bias(method: Method, device: torch.device) -> Tensor | None:
    """The method's adjustment as one number per class, which is the form that ships; None where it changes nothing.

    Raises UnsupportedError when it is not the addition of a constant.
    """
    zeros = torch.zeros(2, method.num_classes, device=device)
    zeros[1] = torch.linspace(-3, 3, method.num_classes, device=device)
    added = method.adjust(zeros) - zeros
    if not torch.allclose(added[0], added[1], atol=1e-5):
        raise UnsupportedError(
            f"{type(method).__name__} adjusts logits by more than a constant per class; it cannot ship"
        )
    return added[0].cpu() if bool(added[0].any()) else None
