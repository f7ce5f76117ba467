"""Groups of rows (the photos of one person, the tiles of one slide) that never lie on both sides of a split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from softlabel.data.splitting.strata import held_out_size
from softlabel.randomness import Address, generator


def held_out_groups(
    strata: NDArray[Any], groups: NDArray[np.int64], share: float, address: Sequence[Address]
) -> tuple[NDArray[np.bool_], list[int]]:
    """A choice of whole groups: mask (N,) of about `share` of each stratum's rows, and the strata with a single group.

    A group belongs to the stratum of most of its rows. In each stratum groups are taken in random order as long as that
    brings the number of rows closer to the share; at least one is taken and one is left where there are two.
    """
    numbers, member = np.unique(groups, return_inverse=True)
    home = commonest_stratum(strata, member, len(numbers))
    sizes = np.bincount(member, minlength=len(numbers))
    taken = np.zeros(len(numbers), dtype=bool)
    single: list[int] = []
    for stratum in np.unique(home).tolist():
        own = np.flatnonzero(home == stratum)
        if len(own) == 1:
            single.append(stratum)
        order = torch.randperm(len(own), generator=generator(*address, "groups", stratum)).numpy()
        taken[_closest(own[order], sizes, held_out_size(int(sizes[own].sum()), share))] = True
    return taken[member], single


def commonest_stratum(strata: NDArray[Any], member: NDArray[np.int64], count: int) -> NDArray[Any]:
    """The stratum of most rows of each of `count` groups, the first of equals; `member` (N,) numbers the groups."""
    known, code = np.unique(strata, return_inverse=True)
    pairs, rows = np.unique(member * len(known) + code, return_counts=True)
    order = np.lexsort(
        (-(pairs % len(known)), rows)
    )  # the last entry of a group wins: most rows, then the first stratum
    home = np.zeros(count, dtype=np.int64)
    home[pairs[order] // len(known)] = pairs[order] % len(known)
    found: NDArray[Any] = known[home]
    return found


def _closest(groups: NDArray[np.int64], sizes: NDArray[np.int64], wanted: int) -> list[int]:
    taken: list[int] = []
    rows = 0
    for group in groups[:-1].tolist():
        size = int(sizes[group])
        if not taken or abs(rows + size - wanted) < abs(rows - wanted):
            taken.append(group)
            rows += size
    return taken
