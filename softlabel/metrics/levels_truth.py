"""One view of a truth that gives every class a level: positive, difficult or negative."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from softlabel.labels.levels import NEGATIVE, POSITIVE


@dataclass(frozen=True)
class LevelsTruth:
    """What is true of the classes of N rows.

    positive  (N, K) bool
    negative  (N, K) bool
    counted   (N, K) bool, False where difficult: right or wrong there, nothing is scored
    """

    positive: Tensor
    negative: Tensor
    counted: Tensor


def read_levels(truth: Tensor) -> LevelsTruth:
    """The view of a truth (N, K) of integer levels: 2 positive, 1 difficult, 0 negative."""
    positive, negative = truth == POSITIVE, truth == NEGATIVE
    return LevelsTruth(positive, negative, positive | negative)
