"""The scores of all runs of a comparison, and how uncertain their means and paired differences are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from softlabel.experiments.resampling import Replicates
from softlabel.experiments.summary import ScoreSummary
from softlabel.experiments.variance import Array, VarianceComponents, variance_of_mean
from softlabel.statistic import Statistic


class ScoreTable:
    """Scores and their replicates by method and seed."""

    def __init__(self, replicates: Mapping[str, Replicates], runs: Sequence[tuple[str, int]], level: float) -> None:
        self.replicates = replicates
        self.place = {run: index for index, run in enumerate(runs)}
        self.level = level

    def seeds(self, *methods: str) -> list[int]:
        """The seeds that finished for all of these methods."""
        places = [{seed for method, seed in self.place if method == wanted} for wanted in methods]
        return sorted(set.intersection(*places))

    def mean(self, score: str, method: str) -> float:
        estimates, _ = self._of(score, method, self.seeds(method))
        return float(estimates.mean()) if len(estimates) else math.nan

    def summary(self, statistic: Statistic, method: str) -> ScoreSummary:
        estimates, replicates = self._of(statistic.name, method, self.seeds(method))
        if not len(estimates):
            return ScoreSummary(math.nan, math.nan, (math.nan, math.nan))
        mean = float(estimates.mean())
        spread = float(estimates.std(ddof=1)) if len(estimates) > 1 else math.nan
        low, high = variance_of_mean(estimates, replicates).interval(mean, self.level)
        least, most = statistic.bounds
        return ScoreSummary(mean, spread, (_clipped(low, least, most), _clipped(high, least, most)))

    def difference_variance(self, score: str, method: str, other: str) -> tuple[float, VarianceComponents]:
        """The mean paired difference method - other over their common seeds, and its variance components."""
        seeds = self.seeds(method, other)
        if not seeds:
            return math.nan, VarianceComponents(1, math.nan, math.nan, math.nan)
        estimates, replicates = self._of(score, method, seeds)
        others, other_replicates = self._of(score, other, seeds)
        difference = estimates - others
        return float(difference.mean()), variance_of_mean(difference, replicates - other_replicates)

    def _of(self, score: str, method: str, seeds: list[int]) -> tuple[Array, Array]:
        index = [self.place[method, seed] for seed in seeds]
        found = self.replicates[score]
        return found.estimate[index], found.replicates[index]


def _clipped(value: float, least: float, most: float) -> float:
    return min(max(value, least), most) if math.isfinite(value) else value
