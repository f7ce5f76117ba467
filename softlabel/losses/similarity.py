"""Similarity preserving (Tung and Mori, ICCV 2019): two networks agree on which rows of a batch are alike."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def similarity_distance(one: Tensor, other: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Summed squared difference of two similarity matrices whose rows are brought to length 1: (...,).

    one, other      (..., n, N) inner products of n rows with N rows
    rows, columns   (..., n) and (..., N) bool, which of them count
    Source: Tung and Mori, ICCV 2019; between two branches in DMUE (She et al., CVPR 2021, equation 5).

    >>> import torch
    >>> import softlabel as sl
    >>> alike, apart = torch.ones(2, 2), torch.eye(2)  # one network sees two equal rows, the other two unrelated ones
    >>> every = torch.ones(2, dtype=torch.bool)
    >>> sl.losses.similarity_distance(alike, apart, every, every)
    tensor(1.1716)
    """
    kept = columns[..., None, :]
    ours = F.normalize(one.float() * kept, dim=-1)
    theirs = F.normalize(other.float() * kept, dim=-1)
    return ((ours - theirs).square().sum(-1) * rows).sum(-1)
