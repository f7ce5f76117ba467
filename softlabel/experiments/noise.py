"""How uncertain a mean over seeds is: the part of the seeds and the part of the test rows.

A score of a run is seen once per seed and on one set of test rows, and both could have been others. Resampling a
handful of seeds would understate their part (three seeds drawn with replacement vary by 2/3 of what they should, and
have no tails), so the rows are bootstrapped and the seeds are treated as in Student's t. `benchmarks/statistics.py`
measures what comes of it, next to the plain hierarchical bootstrap.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

Array = NDArray[np.float64]
POWER = 0.8
MOST_SEEDS = 1000


@dataclass(frozen=True)
class Noise:
    """Variance components of a mean over seeds.

    seeds     S
    per_seed  variance from one seed to another on the same rows; NaN with one seed
    shared    variance from the choice of rows that all seeds have in common
    """

    seeds: int
    per_seed: float
    shared: float

    @cached_property
    def error(self) -> float:
        """The standard error of the mean; of the rows alone with one seed."""
        return math.sqrt(self.shared + (0.0 if self.seeds == 1 else self.per_seed / self.seeds))

    @cached_property
    def degrees(self) -> float:
        """Degrees of freedom of the error (Satterthwaite 1946): S - 1 where seeds dominate, many where rows do."""
        of_seeds = 0.0 if self.seeds == 1 else self.per_seed / self.seeds
        return math.inf if of_seeds == 0 else (self.seeds - 1) * (self.error**2 / of_seeds) ** 2

    def interval(self, estimate: float, level: float) -> tuple[float, float]:
        """The interval of this level around an estimate."""
        half = float(stats.t.ppf(0.5 + level / 2, self.degrees)) * self.error
        return estimate - half, estimate + half

    def p_value(self, estimate: float) -> float:
        """Two-sided p-value of the estimate against 0; NaN with one seed, whose noise cannot be known."""
        if self.seeds == 1 or math.isnan(estimate):
            return math.nan
        if estimate == 0:
            return 1.0
        return float(2 * stats.t.sf(abs(estimate) / self.error, self.degrees)) if self.error > 0 else 0.0

    def visible_difference(self, alpha: float, power: float = POWER) -> float:
        """The smallest true difference that a two-sided test at alpha finds with this probability."""
        if self.seeds == 1 or not math.isfinite(self.error):
            return math.nan
        degrees = min(self.degrees, 1e6)
        critical = float(stats.t.ppf(1 - alpha / 2, degrees))
        shift = optimize.brentq(lambda x: stats.nct.sf(critical, degrees, x) - power, 0.0, 3 * critical + 10)
        return float(shift) * self.error

    def with_seeds(self, seeds: int) -> Noise:
        """What it would be with another number of seeds."""
        return replace(self, seeds=seeds)

    def seeds_to_see(self, difference: float, alpha: float, power: float = POWER) -> int | None:
        """The fewest seeds, up to 1000, that make a difference visible; None where the rows alone hide it."""
        if not self.with_seeds(MOST_SEEDS).visible_difference(alpha, power) <= difference:
            return None
        low, high = 2, MOST_SEEDS
        while low < high:
            middle = (low + high) // 2
            if self.with_seeds(middle).visible_difference(alpha, power) <= difference:
                high = middle
            else:
                low = middle + 1
        return low


def noise_of_mean(estimates: Array, replicates: Array) -> Noise:
    """The noise of the mean of estimates (S,), given replicates (S, R) on rows drawn alike for all seeds.

    Part of what differs between seeds is that each answers to the rows in its own way. The replicates tell how much
    that is; it belongs to the seeds, and is taken out of the rows' part so as not to count twice. Chance can make
    three seeds agree better than that part allows, so it is also the least that seeds are taken to differ.
    """
    seeds = len(estimates)
    usable = replicates[:, np.isfinite(replicates).all(axis=0)]
    if usable.shape[1] < 2:
        return Noise(seeds, math.nan, math.nan)
    mean = usable.mean(axis=0)
    of_rows = float(mean.var(ddof=1))
    if seeds == 1:
        return Noise(1, math.nan, of_rows)
    own_rows = float((usable - mean).var(axis=1, ddof=1).sum()) / (seeds - 1)
    per_seed = max(float(estimates.var(ddof=1)), own_rows)
    return Noise(seeds, per_seed, max(0.0, of_rows - own_rows / seeds))


def pooled(noises: list[Noise]) -> Noise | None:
    """One noise for several comparisons of as many seeds, from the means of their variances."""
    known = [noise for noise in noises if noise.seeds > 1 and math.isfinite(noise.error)]
    if not known:
        return None
    seeds = min(noise.seeds for noise in known)
    return Noise(
        seeds, float(np.mean([noise.per_seed for noise in known])), float(np.mean([noise.shared for noise in known]))
    )
