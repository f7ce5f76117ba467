"""Which method is better, and which differences are no more than noise.

Every difference is paired: the same test rows and the same seeds for both methods. Its interval covers the choice of
both (see `noise`). p-values are adjusted by Holm's rule (1979) in two families: the primary score over the methods,
and all other scores over all methods, so that a long table does not claim something by its length.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from softlabel.errors import RunError
from softlabel.experiments.noise import Noise, noise_of_mean, pooled
from softlabel.experiments.resampling import Replicates, Rows, resample_rows
from softlabel.metrics.statistic import Statistic

Verdict = Literal["better", "worse", "no more than noise", "undefined"]
MORE_SEEDS = 4


@dataclass(frozen=True)
class ScoreSummary:
    """A score of one method over its seeds; spread is the standard deviation over seeds (NaN with one)."""

    mean: float
    spread: float
    interval: tuple[float, float]

    def to_json(self) -> dict[str, Any]:
        return {"mean": _known(self.mean), "spread": _known(self.spread), "interval": _known_pair(self.interval)}


@dataclass(frozen=True)
class Difference:
    """A method's score less the baseline's. With one seed there is no p-value, and no verdict but noise."""

    estimate: float
    interval: tuple[float, float]
    p_value: float
    p_adjusted: float
    verdict: Verdict

    def to_json(self) -> dict[str, Any]:
        return {
            "estimate": _known(self.estimate),
            "interval": _known_pair(self.interval),
            "p_adjusted": _known(self.p_adjusted),
            "verdict": self.verdict,
        }


@dataclass(frozen=True)
class MethodSummary:
    """One method: rank by the primary score (shared where methods cannot be told apart), scores, and differences.

    `difference` is None for the baseline itself, and where no seed finished for both.
    """

    method: str
    rank: int
    seeds: int
    failed: int
    scores: dict[str, ScoreSummary]
    difference: dict[str, Difference] | None

    def to_json(self) -> dict[str, Any]:
        return {
            "method": self.method,
            "rank": self.rank,
            "seeds": self.seeds,
            "failed": self.failed,
            "scores": {name: score.to_json() for name, score in self.scores.items()},
            "difference": None
            if self.difference is None
            else {name: difference.to_json() for name, difference in self.difference.items()},
        }


@dataclass(frozen=True)
class Summary:
    """The outcome of a comparison.

    methods                      in the order of their ranks
    winner                       the method that is better than every other one on the primary score, if there is one
    smallest_visible_difference  the least true difference of the primary score that would have been called one with
                                 probability 0.8; NaN with one seed
    more_seeds                   a larger number of seeds, and the difference it would make visible
    noise                        what both are computed from; `noise.seeds_to_see(...)` answers the reverse question
    """

    methods: tuple[MethodSummary, ...]
    baseline: str
    primary: str
    level: float
    rows: int
    winner: str | None
    smallest_visible_difference: float
    more_seeds: tuple[int, float] | None
    noise: Noise | None
    text: str

    def to_json(self) -> dict[str, Any]:
        """The parts of results.json that come from here: "summary" and "verdict"."""
        return {
            "summary": [method.to_json() for method in self.methods],
            "verdict": {
                "text": self.text,
                "winner": self.winner,
                "smallest_visible_difference": _known(self.smallest_visible_difference),
                "more_seeds": None
                if self.more_seeds is None
                else {"seeds": self.more_seeds[0], "smallest_visible_difference": self.more_seeds[1]},
            },
        }


def summarise(
    statistics: Sequence[Statistic],
    contributions: Mapping[str, Sequence[Rows | None]],
    baseline: str,
    *,
    primary: str,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
    test_hashes: Iterable[str] = (),
) -> Summary:
    """Compare methods by their contributions on the same test rows.

    statistics     the scores, in the order in which they are shown
    contributions  for each method one entry per seed, by score name; None where that run failed. The n-th entries of
                   all methods have the same seed, and all have the same rows in the same order
    test_hashes    a hash of the test rows of each run, compared where given
    Raises RunError when runs were tested on different rows, ValueError when names or numbers of seeds do not fit.
    """
    _check(statistics, contributions, baseline, primary, test_hashes)
    runs = [(method, place) for method, rows in contributions.items() for place, run in enumerate(rows) if run]
    found = [contributions[method][place] for method, place in runs]
    finished = [run for run in found if run]
    if not finished:
        raise RunError("no run finished, so there is nothing to compare")
    replicates = resample_rows(statistics, finished, resamples, seed)
    table = _Table(replicates, runs, level)
    families = _families(table, statistics, contributions, baseline, primary)
    primary_statistic = next(statistic for statistic in statistics if statistic.name == primary)
    order, ranks, winner = _ranking(table, primary_statistic, contributions, baseline, families)
    methods = tuple(
        _method_summary(table, statistics, method, ranks[method], contributions[method], families) for method in order
    )
    others = [name for name in contributions if name != baseline]
    noise = pooled([table.difference_noise(primary, other, baseline)[1] for other in others])
    alpha = (1 - level) / max(1, len(others))
    visible = math.nan if noise is None else noise.visible_difference(alpha)
    more = None
    if noise is not None and math.isfinite(visible):
        wanted = noise.seeds * MORE_SEEDS
        more = (wanted, noise.with_seeds(wanted).visible_difference(alpha))
    rows = len(next(iter(finished[0].values())).cell)
    text = _text(methods, primary_statistic, winner, visible, more)
    return Summary(methods, baseline, primary, level, rows, winner, visible, more, noise, text)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted by Holm's step-down rule (1979); NaN stays NaN and is not counted."""
    known = [index for index, p in enumerate(p_values) if not math.isnan(p)]
    adjusted = [math.nan] * len(p_values)
    largest = 0.0
    for place, index in enumerate(sorted(known, key=lambda index: p_values[index])):
        largest = max(largest, min(1.0, (len(known) - place) * p_values[index]))
        adjusted[index] = largest
    return adjusted


class _Table:
    """Scores and their replicates by method and seed."""

    def __init__(self, replicates: Mapping[str, Replicates], runs: list[tuple[str, int]], level: float) -> None:
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
        low, high = noise_of_mean(estimates, replicates).interval(mean, self.level)
        least, most = statistic.bounds
        return ScoreSummary(mean, spread, (_clipped(low, least, most), _clipped(high, least, most)))

    def difference_noise(self, score: str, method: str, other: str) -> tuple[float, Noise]:
        """The mean paired difference method - other over their common seeds, and its noise."""
        seeds = self.seeds(method, other)
        if not seeds:
            return math.nan, Noise(1, math.nan, math.nan)
        estimates, replicates = self._of(score, method, seeds)
        others, other_replicates = self._of(score, other, seeds)
        difference = estimates - others
        return float(difference.mean()), noise_of_mean(difference, replicates - other_replicates)

    def _of(self, score: str, method: str, seeds: list[int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        index = [self.place[method, seed] for seed in seeds]
        found = self.replicates[score]
        return found.estimate[index], found.replicates[index]


def _families(
    table: _Table,
    statistics: Sequence[Statistic],
    methods: Iterable[str],
    baseline: str,
    primary: str,
) -> dict[tuple[str, str], Difference]:
    """The difference of every method to the baseline on every score, by (method, score)."""
    others = [method for method in methods if method != baseline and table.seeds(method, baseline)]
    families = (
        [(method, statistic) for method in others for statistic in statistics if statistic.name == primary],
        [(method, statistic) for method in others for statistic in statistics if statistic.name != primary],
    )
    return {
        (method, statistic.name): difference
        for family in families
        for (method, statistic), difference in zip(family, _family(table, family, baseline), strict=True)
    }


def _family(table: _Table, family: list[tuple[str, Statistic]], baseline: str) -> list[Difference]:
    raw = [table.difference_noise(statistic.name, method, baseline) for method, statistic in family]
    p_values = [noise.p_value(estimate) for estimate, noise in raw]
    return [
        Difference(
            estimate,
            noise.interval(estimate, table.level),
            p_value,
            adjusted,
            _verdict(statistic, estimate, adjusted, 1 - table.level),
        )
        for (_, statistic), (estimate, noise), p_value, adjusted in zip(
            family, raw, p_values, holm(p_values), strict=True
        )
    ]


def _verdict(statistic: Statistic, estimate: float, p_adjusted: float, alpha: float) -> Verdict:
    if math.isnan(estimate):
        return "undefined"
    if not p_adjusted <= alpha:  # NaN, with one seed, is noise
        return "no more than noise"
    return "better" if (estimate > 0) == (statistic.better == "higher") else "worse"


def _ranking(
    table: _Table,
    statistic: Statistic,
    methods: Iterable[str],
    baseline: str,
    families: Mapping[tuple[str, str], Difference],
) -> tuple[list[str], dict[str, int], str | None]:
    """Methods in order, their ranks (1 + the number of methods that are better), and the clear winner.

    Two methods that are not the baseline are told apart only if one of them was told apart from the baseline, by
    Holm's rule over all such pairs: so equal methods are seldom separated, whatever their number.
    """
    ranked = [method for method in methods if table.seeds(method)]
    sign = 1.0 if statistic.better == "higher" else -1.0
    above = dict.fromkeys(ranked, 0)
    below = dict.fromkeys(ranked, 0)
    for better, worse in _separated(table, statistic, ranked, baseline, families):
        above[worse] += 1
        below[better] += 1
    ranks = {method: 1 + above[method] for method in ranked}
    failed = [method for method in methods if method not in ranks]
    ranks |= {method: len(ranked) + 1 for method in failed}
    order = sorted(ranked, key=lambda method: (ranks[method], -sign * table.mean(statistic.name, method))) + failed
    winner = next((method for method in ranked if below[method] == len(ranked) - 1 > 0), None)
    return order, ranks, winner


def _separated(
    table: _Table,
    statistic: Statistic,
    methods: list[str],
    baseline: str,
    families: Mapping[tuple[str, str], Difference],
) -> list[tuple[str, str]]:
    """Pairs (better, worse) that are told apart on the primary score."""
    pairs = []
    told = set()
    for method in methods:
        difference = families.get((method, statistic.name))
        if difference is not None and difference.verdict in ("better", "worse"):
            told.add(method)
            pairs.append((method, baseline) if difference.verdict == "better" else (baseline, method))
    others = [pair for pair in combinations([m for m in methods if m != baseline], 2) if told & set(pair)]
    raw = [table.difference_noise(statistic.name, *pair) for pair in others]
    adjusted = holm([noise.p_value(estimate) for estimate, noise in raw])
    for (first, second), (estimate, _), p in zip(others, raw, adjusted, strict=True):
        verdict = _verdict(statistic, estimate, p, 1 - table.level)
        if verdict in ("better", "worse"):
            pairs.append((first, second) if verdict == "better" else (second, first))
    return pairs


def _method_summary(
    table: _Table,
    statistics: Sequence[Statistic],
    method: str,
    rank: int,
    rows: Sequence[Rows | None],
    families: Mapping[tuple[str, str], Difference],
) -> MethodSummary:
    differences = {
        statistic.name: families[method, statistic.name]
        for statistic in statistics
        if (method, statistic.name) in families
    }
    finished = sum(run is not None for run in rows)
    scores = {statistic.name: table.summary(statistic, method) for statistic in statistics}
    return MethodSummary(method, rank, finished, len(rows) - finished, scores, differences or None)


def _text(
    methods: Sequence[MethodSummary],
    statistic: Statistic,
    winner: str | None,
    visible: float,
    more: tuple[int, float] | None,
) -> str:
    first = [method.method for method in methods if method.rank == 1 and method.seeds]
    behind = [method.method for method in methods if method.rank > 1 and method.seeds]
    if winner is not None:
        parts = [f"{winner} is better than every other method on {statistic.title}, by more than noise."]
    elif len(first) + len(behind) == 1:
        parts = [f"{first[0]} is the only method with a result."]
    elif not behind:
        parts = [f"No clear winner: on {statistic.title} the differences are no more than noise."]
    else:
        parts = [f"No clear winner: on {statistic.title} {_listed(first)} cannot be told apart."]
    if any(method.seeds == 1 for method in methods):
        parts.append("One seed shows nothing of the noise between seeds: intervals cover the test rows only.")
    if math.isfinite(visible) and more is not None:
        parts.append(
            f"A difference under {visible:.2g} would probably not have been seen; "
            f"{more[0]} seeds would see {more[1]:.2g}."
        )
    failed = [method.method for method in methods if method.failed]
    if failed:
        parts.append(f"Not all runs finished: {_listed(failed)}.")
    return " ".join(parts)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _check(
    statistics: Sequence[Statistic],
    contributions: Mapping[str, Sequence[Rows | None]],
    baseline: str,
    primary: str,
    test_hashes: Iterable[str],
) -> None:
    if baseline not in contributions:
        raise ValueError(f"baseline is {baseline!r}, expected one of {', '.join(contributions)}")
    if primary not in {statistic.name for statistic in statistics}:
        raise ValueError(f"primary is {primary!r}, expected one of {', '.join(s.name for s in statistics)}")
    numbers = {len(rows) for rows in contributions.values()}
    if len(numbers) != 1:
        raise ValueError(f"methods have {sorted(numbers)} seeds, expected as many for each (None for a failed run)")
    if len(set(test_hashes)) > 1:
        raise RunError("runs to be compared were tested on different rows: their hashes of the test rows differ")


def _clipped(value: float, least: float, most: float) -> float:
    return min(max(value, least), most) if math.isfinite(value) else value


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _known_pair(pair: tuple[float, float]) -> list[float | None]:
    return [_known(value) for value in pair]
