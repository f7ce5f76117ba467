"""Folds for cross-fitting: every row is held out once, groups stay whole, every fold has its share of each class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from softlabel.data.splitting.groups import commonest_stratum
from softlabel.randomness import Address, generator

NEVER = -1


def dealt(
    strata: NDArray[Any], groups: NDArray[np.int64], count: int, address: Sequence[Address], *, keep_single: bool
) -> NDArray[np.int64]:
    """The fold of every row (N,), 0 to count - 1; rows of one group have the same.

    A group belongs to the stratum of most of its rows. The groups of each stratum are dealt in random order, each to
    the fold with the fewest rows of that stratum, and among equals to the one with the fewest rows of all. A stratum
    of several groups is therefore never all in one fold. With `keep_single` the only group of a stratum is in none
    (NEVER), as without it no other row of its stratum would be left.
    """
    numbers, member = np.unique(groups, return_inverse=True)
    home = commonest_stratum(strata, member, len(numbers))
    sizes = np.bincount(member, minlength=len(numbers)).tolist()
    fold = np.full(len(numbers), NEVER, dtype=np.int64)
    filled = [0] * count
    for stratum in np.unique(home).tolist():
        own = np.flatnonzero(home == stratum)
        if keep_single and len(own) == 1:
            continue
        here = [0] * count
        for group in own[torch.randperm(len(own), generator=generator(*address, "folds", stratum)).numpy()].tolist():
            least = min(range(count), key=lambda place: (here[place], filled[place]))
            fold[group] = least
            here[least] += sizes[group]
            filled[least] += sizes[group]
    dealt_rows: NDArray[np.int64] = fold[member]
    return dealt_rows
