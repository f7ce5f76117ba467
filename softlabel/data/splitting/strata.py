"""Parts of equal make-up: which rows of each stratum go to one side of a split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from softlabel.randomness import Address, generator


def quantile_bins(values: NDArray[Any], num_bins: int = 10) -> NDArray[np.int64]:
    """Strata for continuous annotations: bins (N,) of about equal size, equal values together; at most `num_bins`."""
    values = np.asarray(values, dtype=np.float64)
    edges = np.quantile(values, np.linspace(0, 1, num_bins + 1)[1:-1]) if len(values) else np.zeros(0)
    bins = np.searchsorted(np.unique(edges), values, side="left")
    return np.unique(bins, return_inverse=True)[1].astype(np.int64)


def held_out_size(count: int, share: float) -> int:
    """How many of a stratum's rows are held out: min(max(1, round(share n)), n - 1), so that one always stays."""
    return min(max(1, round(share * count)), count - 1) if count else 0


def held_out(strata: NDArray[Any], share: float, address: Sequence[Address]) -> tuple[NDArray[np.bool_], list[int]]:
    """A stratified choice of rows: mask (N,), and the strata with a single row, of which nothing is held out.

    Each stratum draws from its own address, so that another stratum's rows never change its choice.
    """
    chosen = np.zeros(len(strata), dtype=bool)
    single: list[int] = []
    for stratum in np.unique(strata).tolist():
        rows = np.flatnonzero(strata == stratum)
        if len(rows) == 1:
            single.append(stratum)
        order = torch.randperm(len(rows), generator=generator(*address, stratum)).numpy()
        chosen[rows[order[: held_out_size(len(rows), share)]]] = True
    return chosen, single
