"""Attention transfer (Zagoruyko & Komodakis, ICLR 2017, section 3.1; as in FRSKD, Ji et al., CVPR 2021)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from softlabel.losses.engine.reduction import Reduction, SumAndMass, reduce, summed_by


def attention_map(features: Tensor) -> Tensor:
    """The mean square over channels, flattened and of length 1: (N, C, H, W) -> (N, H W)."""
    return F.normalize(features.float().square().mean(1).flatten(1))


def _of_rows(features: Tensor, teacher: Tensor) -> Tensor:
    return (attention_map(features) - attention_map(teacher)).square().mean(1)


def _summed(values: Tensor) -> SumAndMass:
    return SumAndMass(values.sum(), values.new_full((), len(values)))


def _sum_and_mass(features: Tensor, teacher: Tensor) -> SumAndMass:
    return _summed(_of_rows(features, teacher))


@summed_by(_sum_and_mass)
def attention_distance(features: Tensor, teacher: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """The mean over positions of the squared difference of the attention maps, per row: (N, C, H, W) twice.

    reduction   "mean" over rows, 0 if there are none; "sum"; "none" is (N,)

    Channels may differ in number; the scale of either does not count. Raises ValueError for another reduction.
    Source: Zagoruyko and Komodakis, ICLR 2017, section 3.1; the mean over positions as in FRSKD (Ji et al., CVPR 2021).

    >>> import torch
    >>> import softlabel as sl
    >>> features = torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]])  # one channel that looks at the upper left
    >>> teacher = torch.tensor([[[[0.0, 0.0], [0.0, 3.0]]]]).expand(1, 5, 2, 2)  # five that look at the lower right
    >>> sl.losses.attention_distance(features, teacher)
    tensor(0.5000)
    """
    values = _of_rows(features, teacher)
    return reduce(values, _summed(values), reduction)
