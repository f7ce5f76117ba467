"""Attention transfer (Zagoruyko & Komodakis, ICLR 2017, section 3.1; as in FRSKD, Ji et al., CVPR 2021)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def attention_map(features: Tensor) -> Tensor:
    """The mean square over channels, flattened and of length 1: (N, C, H, W) -> (N, H W)."""
    return F.normalize(features.float().square().mean(1).flatten(1))


def attention_distance(features: Tensor, teacher: Tensor) -> Tensor:
    """The mean over positions of the squared difference of the attention maps: (N, C, H, W) twice -> (N,).

    Channels may differ in number; the scale of either does not count.
    """
    return (attention_map(features) - attention_map(teacher)).square().mean(1)
