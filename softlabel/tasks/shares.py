"""A distribution along its axes in a short text, for drawings: neighbouring labels pooled, shares as whole numbers."""

from __future__ import annotations

import torch
from torch import Tensor


def pooled_shares(table: Tensor, most: int) -> tuple[int, list[str]]:
    """How many neighbours are pooled along each axis, and the shares of each row, in ten-thousandths.

    Of probabilities (N, A) or (N, A, B), the last axis running fastest, so that no axis keeps more than `most`; at the
    upper end of an axis fewer may be pooled. A text, as a list would take a line for each number.
    """
    table = table.double()
    pooled = -(-max(table.shape[1:]) // most)
    for axis in range(1, table.ndim):
        table = torch.stack([part.sum(axis) for part in torch.split(table, pooled, axis)], axis)
    return pooled, [" ".join(f"{10_000 * share:.0f}" for share in row) for row in table.flatten(1).tolist()]
