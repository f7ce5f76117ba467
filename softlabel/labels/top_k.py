"""A distribution of which only the largest probabilities are kept, such as a stored teacher's."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from softlabel.labels.checks import check_top_k
from softlabel.labels.sparse import Sparse


def top_k(
    values: Tensor,
    indices: Tensor,
    num_classes: int,
    rest: Literal["spread", "renormalise"] = "spread",
    *,
    validate: bool = True,
) -> Sparse:
    """m probabilities per element and what to do with the rest of the mass, 1 - sum(values).

    spread        the rest is shared equally by the K - m classes that are not listed
    renormalise   the listed ones are divided by their sum

    Shapes: values (..., m) probabilities, indices (..., m) distinct classes  ->  labels of shape (..., K).
    Raises ValueError with the first row that has a bad value, a sum above 1, a repeated or an unknown class.
    Source: Shen and Xing, ECCV 2022 (FKD): marginal smoothing and marginal re-normalisation of top-k soft labels.

    >>> import torch
    >>> import softlabel as sl
    >>> values, indices = torch.tensor([[0.6, 0.2]]), torch.tensor([[3, 0]])
    >>> sl.labels.top_k(values, indices, num_classes=4).dense()
    tensor([[0.2000, 0.1000, 0.1000, 0.6000]])
    >>> sl.labels.top_k(values, indices, num_classes=4, rest="renormalise").dense()
    tensor([[0.2500, 0.0000, 0.0000, 0.7500]])
    """
    if rest not in ("spread", "renormalise"):
        raise ValueError(f"rest is {rest!r}, expected 'spread' or 'renormalise'")
    if validate:
        check_top_k(values, indices, num_classes, rest)
    indices = indices.long()
    values = values if values.dtype == torch.float64 else values.float()
    total = values.sum(-1, keepdim=True)
    listed = values.shape[-1]
    if rest == "renormalise" or listed >= num_classes:
        return Sparse(indices, values / total, 0.0, num_classes)
    values = values / total.clamp_min(1)  # a sum of 1 + rounding leaves no rest
    background = (1 - total).clamp_min(0) / (num_classes - listed)
    return Sparse(indices, values - background, background[..., 0], num_classes)
