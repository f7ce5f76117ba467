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
    Source: Zagoruyko and Komodakis, ICLR 2017, section 3.1; the mean over positions as in FRSKD (Ji et al., CVPR 2021).

    >>> import torch
    >>> import softlabel as sl
    >>> features = torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]])  # one channel that looks at the upper left
    >>> teacher = torch.tensor([[[[0.0, 0.0], [0.0, 3.0]]]]).expand(1, 5, 2, 2)  # five that look at the lower right
    >>> sl.losses.attention_distance(features, teacher)
    tensor([0.5000])
    """
    return (attention_map(features) - attention_map(teacher)).square().mean(1)
