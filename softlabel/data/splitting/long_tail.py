"""The long-tail protocol of the CIFAR-LT benchmarks (Cao et al., NeurIPS 2019, appendix; Cui et al., CVPR 2019)."""

from __future__ import annotations

import bisect
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softlabel.errors import ConfigError


def long_tail_counts(num_classes: int, largest: int, imbalance: float) -> NDArray[np.int64]:
    """Rows to keep of each class: n_j = int(n_max IF^(-j / (K - 1))), in the order of the class indices."""
    exponent = np.arange(num_classes) / max(num_classes - 1, 1)
    return np.array([int(largest * imbalance**-e) for e in exponent.tolist()], dtype=np.int64)


def long_tail_rows(index: NDArray[Any], num_classes: int, imbalance: float, seed: int) -> NDArray[np.int64]:
    """Positions of the rows that make a set long-tailed, ascending.

    n_max is the largest for which every class has enough rows, so that the profile is exact: the size of a class where
    all are equal. Rows are drawn as in the published code (NumPy's legacy generator, one shuffle per class), so that
    seed 0 on the official CIFAR training sets gives the published subsets. Raises ConfigError when a class would
    be left without rows.
    """
    available = np.bincount(index, minlength=num_classes)
    counts = long_tail_counts(num_classes, _largest(available, imbalance), imbalance)
    if counts.min() < 1:
        short = int(np.argmin(counts))
        raise ConfigError(
            f"imbalance {imbalance:g} leaves class {short} without training rows: the classes have"
            f" {', '.join(str(n) for n in available[:12])}{' ...' if num_classes > 12 else ''} rows"
        )
    random = np.random.RandomState(seed)  # a state of its own: the global one is never touched
    kept = []
    for k, count in enumerate(counts):
        rows = np.flatnonzero(index == k)
        random.shuffle(rows)
        kept.append(rows[:count])
    return np.sort(np.concatenate(kept))


def _largest(available: NDArray[np.int64], imbalance: float) -> int:
    def too_large(largest: int) -> bool:
        return bool((long_tail_counts(len(available), largest, imbalance) > available).any())

    return bisect.bisect_left(range(1, int(available[0]) + 1), True, key=too_large)
