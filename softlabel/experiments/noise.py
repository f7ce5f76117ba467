"""How uncertain a mean over seeds is: the part of the seeds and the part of the test rows.

A score is seen for a few seeds on one set of test rows, and both could have been others. The rows are bootstrapped.
Drawing three seeds with replacement, however, would understate their part (such draws vary by 2/3 of what they should,
and know no tails), so seeds are treated as in Student's t.

With S seeds, the mean varies by shared + v / S: `shared` through the rows that all seeds answer to, v from seed to
seed. Bootstrapping also tells how much seeds must differ because each answers to the rows in its own way; v is at
least that (`own`). What three seeds say of v is what Student says of a variance, v = (S - 1) s² / chi²(S - 1), cut off
below `own`; the noise is a normal one averaged over these v. So intervals are Student's where seeds matter most, the
bootstrap's normal ones where rows do, and wide in between. `benchmarks/comparison.py` measures how often they cover.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

Array = NDArray[np.float64]

POWER = 0.8
MOST_SEEDS = 1000
_NODES, _NODE_WEIGHTS = np.polynomial.legendre.leggauss(160)
_SMALLEST = 1e-14


@dataclass(frozen=True)
class Noise:
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
            half = self.half_width(1 - level)
        return estimate - half, estimate + half

    def p_value(self, estimate: float) -> float:
        """Two-sided p-value of the estimate against 0; NaN with one seed, whose noise cannot be known."""
        if not self.known or math.isnan(estimate):
            return math.nan
        if self._true_error == 0:
            return 1.0 if estimate == 0 else 0.0
        return float(_tails(np.array([abs(estimate)]), *self._mixture(np.array([self.between])))[0])

    def half_width(self, alpha: float) -> float:
        """Half the width of the interval of level 1 - alpha; NaN where the noise cannot be known."""
        if not self.known:
            return math.nan
        if self._true_error == 0:  # the same score whatever the seeds and the rows
            return 0.0
        return float(self._half_widths(alpha, np.array([self.between]))[0])

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

    def with_seeds(self, seeds: int) -> Noise:
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
        return self._half_widths(alpha, max(self.between, self.own) * likely)

    def _half_widths(self, alpha: float, seen: Array) -> Array:
        """The half-width of the interval for each s² seen: where the p-value falls to alpha."""
        errors, weights = self._mixture(seen)
        quantile = -special.ndtri(alpha / 2)
        low, high = (np.log(quantile * ends) for ends in (errors.min(axis=1), errors.max(axis=1)))
        for _ in range(12):
            middle = (low + high) / 2
            beyond = _tails(np.exp(middle), errors, weights) < alpha
            low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
        half: Array = np.exp(low)
        for _ in range(5):  # Newton, from below: the tail is convex, so no step goes too far
            density = (np.sqrt(2 / np.pi) * np.exp(-0.5 * (half[:, None] / errors) ** 2) / errors * weights).sum(axis=1)
            half = half + (_tails(half, errors, weights) - alpha) / density
        return half

    def _mixture(self, seen: Array) -> tuple[Array, Array]:
        """Standard errors of the mean and their weights, (len(seen), nodes): the values v can have, given each s²."""
        degrees = self.seeds - 1
        least = max(self.own, 0.0)
        squares = degrees * np.maximum(seen, 1e-6 * least)
        if not squares.any():
            return np.full((len(seen), 1), math.sqrt(self.shared)), np.ones((len(seen), 1))
        squares = np.maximum(squares, 1e-12 * squares.max())
        # v = squares / w with w from chi², cut off at squares / least; integrated over log w by Gauss and Legendre.
        most = float(stats.chi2.isf(_SMALLEST, degrees))
        cut = np.log(squares) - math.log(least) if least > 0 else np.full(len(seen), math.inf)
        top = np.minimum(cut, math.log(most))
        bottom = np.minimum(np.log(stats.chi2.ppf(_SMALLEST, degrees)), top + 2 * math.log(_SMALLEST) / degrees)
        log_w = bottom[:, None] + (top - bottom)[:, None] * (_NODES + 1) / 2
        log_density = degrees / 2 * log_w - np.exp(log_w) / 2
        weights = np.exp(log_density - log_density.max(axis=1, keepdims=True)) * _NODE_WEIGHTS
        errors = np.sqrt(self.shared + squares[:, None] / np.exp(log_w) / self.seeds)
        return errors, weights / weights.sum(axis=1, keepdims=True)


def noise_of_mean(estimates: Array, replicates: Array) -> Noise:
    """The noise of the mean of estimates (S,), given replicates (S, R) on rows drawn alike for all seeds."""
    seeds = len(estimates)
    usable = replicates[:, np.isfinite(replicates).all(axis=0)]
    if usable.shape[1] < 2:
        return Noise(seeds, math.nan, math.nan, math.nan)
    mean = usable.mean(axis=0)
    of_rows = float(mean.var(ddof=1))
    if seeds == 1:
        return Noise(1, math.nan, math.nan, of_rows)
    own = float((usable - mean).var(axis=1, ddof=1).sum()) / (seeds - 1)
    return Noise(seeds, float(estimates.var(ddof=1)), own, max(0.0, of_rows - own / seeds))


def pooled(noises: list[Noise]) -> Noise | None:
    """One noise for several comparisons, from the means of their variances and the fewest seeds of any."""
    known = [noise for noise in noises if noise.known]
    if not known:
        return None
    parts = np.mean([(noise.between, noise.own, noise.shared) for noise in known], axis=0)
    return Noise(min(noise.seeds for noise in known), *map(float, parts))


def _tails(distance: Array, errors: Array, weights: Array) -> Array:
    """P(|noise| > distance), by row; without any noise 0, and 1 at distance 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = np.where(distance[:, None] == 0, 0.0, distance[:, None] / errors)
    tails: Array = (2 * special.ndtr(-scaled) * weights).sum(axis=1)
    return tails
