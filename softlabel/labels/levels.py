"""Several labels at once: positive, difficult and negative classes as one distribution (DLDL, section 3.2.3)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from softlabel.labels.checks import and_more, entry
from softlabel.labels.dense import Dense

NEGATIVE, DIFFICULT, POSITIVE = 0, 1, 2
Empty = Literal["ignore", "uniform"]


def levels(
    level: Tensor,
    positive: float = 1.0,
    difficult: float = 0.3,
    negative: float = 0.005,
    *,
    empty: Empty = "ignore",
    validate: bool = True,
) -> Dense:
    """Each class has the amount of its level, divided by the sum over the classes.

    Shapes: level (..., K) integer codes, 2 positive, 1 difficult, 0 negative  ->  labels of shape (..., K).
    A row without any positive or difficult class (or without any amount) has nothing to say: it is ignored (mass 0),
    or with empty="uniform" every class gets the same. (0.3 and 0.005 are read off the bars of the published figure.)
    Raises ValueError with the first code that is none of the three, or amounts that do not fall with the level.
    Source: DLDL (Gao et al., IEEE TIP 2017, section 3.2.3).

    >>> import torch
    >>> import softlabel as sl
    >>> sl.labels.levels(torch.tensor([[2, 2, 1, 0]])).dense()  # two labels, one difficult to see, one absent
    tensor([[0.4338, 0.4338, 0.1302, 0.0022]])
    """
    check_amounts(positive, difficult, negative)
    if validate:
        check_levels(level)
    amounts = torch.tensor([negative, difficult, positive], dtype=torch.get_default_dtype(), device=level.device)
    return normalised(amounts[level.long()], level, empty)


def normalised(amounts: Tensor, level: Tensor, empty: Empty) -> Dense:
    """Rows of amounts (..., K) divided by their sums; rows whose levels are all negative as `empty` says."""
    if empty not in ("ignore", "uniform"):
        raise ValueError(f"empty is {empty!r}, expected 'ignore' or 'uniform'")
    total = amounts.sum(-1, keepdim=True)
    says = (level > NEGATIVE).any(-1) & (total.squeeze(-1) > 0)
    uniform = torch.full_like(amounts, 1 / amounts.shape[-1])
    rows = torch.where(says[..., None], amounts / torch.where(total > 0, total, 1), uniform)
    known = None if empty == "uniform" or bool(says.all()) else says
    return Dense(rows, known, full=True)


def check_levels(level: Tensor) -> None:
    """Codes are 0, 1 or 2."""
    bad = (level < NEGATIVE) | (level > POSITIVE) | (level != level.long())
    if bad.any():
        where, code = entry(level, bad, "class")
        raise ValueError(
            f"level, {where}: {code:g} is none of 2 (positive), 1 (difficult), 0 (negative){and_more(bad)}"
        )


def check_amounts(positive: float, difficult: float, negative: float) -> None:
    """Amounts fall with the level, and a positive label has some."""
    if not (torch.inf > positive >= difficult >= negative >= 0 and positive > 0):
        raise ValueError(
            f"amounts are {positive} (positive), {difficult} (difficult), {negative} (negative); expected them to"
            " be finite, to fall, and not below 0"
        )
