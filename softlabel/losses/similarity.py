"""Similarity preserving (Tung and Mori, ICCV 2019): two networks agree on which rows of a batch are alike."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def similarity_distance(one: Tensor, other: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Summed squared difference of two similarity matrices whose rows are brought to length 1: (...,).

    one, other      (..., n, N) inner products of n rows with N rows
    rows, columns   (..., n) and (..., N) bool, which of them count
    """
    kept = columns[..., None, :]
    ours = F.normalize(one.float() * kept, dim=-1)
    theirs = F.normalize(other.float() * kept, dim=-1)
    return ((ours - theirs).square().sum(-1) * rows).sum(-1)
