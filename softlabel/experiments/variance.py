"""How uncertain a mean over seeds is: the part of the seeds and the part of the test rows.

A score is seen for a few seeds on one set of test rows, and both could have been others. The rows are bootstrapped.
Drawing three seeds with replacement, however, would understate their part (such draws vary by 2/3 of what they should,
and know no tails), so seeds are treated as in Student's t.

With S seeds, the mean varies by V = shared + v / S: `shared` through the rows that all seeds answer to, v from seed to
seed. Bootstrapping also tells how much seeds must differ because each answers to the rows in its own way; v is at
least that (`own`), so it is taken to be w = max(s², own). Intervals and claims are Student's, with u = w / S and

    (V / u)² (S - 1) / r,    r = ((w - own) / w)^(1/4)      degrees of freedom of an interval
    (V / u) (S - 1)                                         of a p-value, from which claims are made

The first are Satterthwaite's (Biometrics Bulletin 2, 1946), with only what lies above `own` in doubt, as the rest was
not estimated from S seeds. The exponent 1/4 has no theory; with 1 intervals are too narrow where s² happens to be
little above `own`. Far out in the tails, where Holm's rule looks, these degrees are too many; the second are not, so an
interval may leave out 0 where nothing is claimed. Where seeds are all the noise both are Student's own, where rows are
both are normal. `benchmarks/comparison.py` measures how often intervals cover, and how often equal methods are told
apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

Array = NDArray[np.float64]

POWER = 0.8
MOST_SEEDS = 1000
_DOUBT_EXPONENT = 0.25


@dataclass(frozen=True)
class VarianceComponents:
    """Variance components of a mean over seeds.

    seeds    S
    between  s², variance of the S values on the same rows; NaN with one seed
    own      the part of it that comes from each seed's own answer to the rows
    shared   variance of the mean through the rows' effect on all seeds alike; with one seed, through all of it
    """

    seeds: int
    between: float
    own: float
    shared: float

    @property
    def known(self) -> bool:
        """Whether there is enough to judge a difference: at least two seeds, and replicates that are defined."""
        return self.seeds > 1 and math.isfinite(self.between + self.own + self.shared)

    def interval(self, estimate: float, level: float) -> tuple[float, float]:
        """The interval of this level around an estimate; with one seed it covers the choice of rows only."""
        if self.seeds == 1:
            half = float(stats.norm.ppf(0.5 + level / 2)) * math.sqrt(self.shared)
        else:
            half = self._half_width(1 - level, self._degrees_of_interval)
        return estimate - half, estimate + half

    def p_value(self, estimate: float) -> float:
        """Two-sided p-value of the estimate against 0; NaN with one seed, whose noise cannot be known."""
        if not self.known or math.isnan(estimate):
            return math.nan
        if self._true_error == 0:
            return 1.0 if estimate == 0 else 0.0
        between = np.array([self.between])
        return float(2 * stats.t.sf(abs(estimate) / self._error(between)[0], self._degrees_of_claim(between)[0]))

    def visible_estimate(self, alpha: float) -> float:
        """How far from 0 an estimate gets a p-value below alpha; NaN where the noise cannot be known."""
        return self._half_width(alpha, self._degrees_of_claim)

    def power(self, difference: float, alpha: float) -> float:
        """The probability that a true difference gets a p-value below alpha, taking v to be what it seems to be."""
        if self._true_error == 0:
            return float(difference != 0)
        return self._power(difference, self._typical_half_widths(alpha))

    def visible_difference(self, alpha: float, power: float = POWER) -> float:
        """The smallest true difference that is found with this probability; NaN with one seed, 0 without noise."""
        if not self.known:
            return math.nan
        if self._true_error == 0:
            return 0.0
        half_widths = self._typical_half_widths(alpha)
        low, high = 0.0, self._true_error
        while self._power(high, half_widths) < power:
            low, high = high, 2 * high
        while high - low > 1e-4 * high:
            middle = (low + high) / 2
            low, high = (low, middle) if self._power(middle, half_widths) >= power else (middle, high)
        return high

    def with_seeds(self, seeds: int) -> VarianceComponents:
        """What it would be with another number of seeds."""
        return replace(self, seeds=seeds)

    def seeds_to_see(self, difference: float, alpha: float, power: float = POWER) -> int | None:
        """The fewest seeds, up to 1000, that make a difference visible; None where the rows alone hide it."""
        if not self.known or self.with_seeds(MOST_SEEDS).power(difference, alpha) < power:
            return None
        low, high = 2, MOST_SEEDS
        while low < high:
            middle = (low + high) // 2
            if self.with_seeds(middle).power(difference, alpha) >= power:
                high = middle
            else:
                low = middle + 1
        return low

    @property
    def _true_error(self) -> float:
        return math.sqrt(self.shared + max(self.between, self.own) / self.seeds)

    def _power(self, difference: float, half_widths: Array) -> float:
        error = self._true_error
        if error == 0:
            return float(difference != 0)
        above, below = (difference - half_widths) / error, (-difference - half_widths) / error
        return float(np.mean(special.ndtr(above) + special.ndtr(below)))

    def _typical_half_widths(self, alpha: float) -> Array:
        """Half-widths for values of s² that are equally likely when v is what it seems to be."""
        likely = stats.chi2.ppf((np.arange(32) + 0.5) / 32, self.seeds - 1) / (self.seeds - 1)
        return self._half_widths(alpha, max(self.between, self.own) * likely, self._degrees_of_claim)

    def _half_width(self, alpha: float, degrees: Callable[[Array], Array]) -> float:
        if not self.known:
            return math.nan
        if self._true_error == 0:  # the same score whatever the seeds and the rows
            return 0.0
        return float(self._half_widths(alpha, np.array([self.between]), degrees)[0])

    def _half_widths(self, alpha: float, seen: Array, degrees: Callable[[Array], Array]) -> Array:
        """The quantile times the standard error, for each s² seen."""
        half_widths: Array = stats.t.ppf(1 - alpha / 2, degrees(seen)) * self._error(seen)
        return half_widths

    def _error(self, seen: Array) -> Array:
        return np.sqrt(self.shared + self._floored(seen) / self.seeds)

    def _degrees_of_interval(self, seen: Array) -> Array:
        floored = self._floored(seen)
        with np.errstate(divide="ignore", invalid="ignore"):
            doubt = np.nan_to_num((floored - self.own) / floored).clip(0, 1) ** _DOUBT_EXPONENT
            return self._degrees_of_claim(seen) ** 2 / (self.seeds - 1) / doubt

    def _degrees_of_claim(self, seen: Array) -> Array:
        of_seeds = self._floored(seen) / self.seeds
        with np.errstate(divide="ignore"):
            degrees: Array = (self.seeds - 1) * (self.shared + of_seeds) / of_seeds
        return degrees

    def _floored(self, seen: Array) -> Array:
        return np.maximum(seen, max(self.own, 0.0))


def variance_of_mean(estimates: Array, replicates: Array) -> VarianceComponents:
    """Those of the mean of estimates (S,), given replicates (S, R) on rows drawn alike for all seeds."""
    seeds = len(estimates)
    usable = replicates[:, np.isfinite(replicates).all(axis=0)]
    if usable.shape[1] < 2:
        return VarianceComponents(seeds, math.nan, math.nan, math.nan)
    mean = usable.mean(axis=0)
    of_rows = float(mean.var(ddof=1))
    if seeds == 1:
        return VarianceComponents(1, math.nan, math.nan, of_rows)
    own = float((usable - mean).var(axis=1, ddof=1).sum()) / (seeds - 1)
    return VarianceComponents(seeds, float(estimates.var(ddof=1)), own, max(0.0, of_rows - own / seeds))


def pooled(variances: list[VarianceComponents]) -> VarianceComponents | None:
    """One for several comparisons, from the means of their variances and the fewest seeds of any."""
    known = [variance for variance in variances if variance.known]
    if not known:
        return None
    parts = np.mean([(variance.between, variance.own, variance.shared) for variance in known], axis=0)
    return VarianceComponents(min(variance.seeds for variance in known), *map(float, parts))
