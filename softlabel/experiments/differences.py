"""Differences to the baseline and their verdicts, adjusted for there being several; and the ranks that follow.

p-values are adjusted by Holm's rule in two families: the primary score over the methods, and all other scores over
all methods, so that a long table does not claim something by its length.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

from softlabel.experiments.score_table import ScoreTable
from softlabel.experiments.summary import Difference, Verdict
from softlabel.statistic import Statistic

Differences = Mapping[tuple[str, str], Difference]
"""By (method, name of the score)."""


def differences_to(
    table: ScoreTable,
    statistics: Sequence[Statistic],
    methods: Iterable[str],
    baseline: str,
    primary: str,
) -> Differences:
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


def _family(table: ScoreTable, family: list[tuple[str, Statistic]], baseline: str) -> list[Difference]:
    raw = [table.difference_variance(statistic.name, method, baseline) for method, statistic in family]
    p_values = [variance.p_value(estimate) for estimate, variance in raw]
    return [
        Difference(
            estimate,
            variance.interval(estimate, table.level),
            p_value,
            adjusted,
            _verdict(statistic, estimate, adjusted, 1 - table.level),
        )
        for (_, statistic), (estimate, variance), p_value, adjusted in zip(
            family, raw, p_values, holm(p_values), strict=True
        )
    ]


def _verdict(statistic: Statistic, estimate: float, p_adjusted: float, alpha: float) -> Verdict:
    if math.isnan(estimate):
        return "undefined"
    if not p_adjusted <= alpha:  # NaN, with one seed, is noise
        return "no more than noise"
    return "better" if (estimate > 0) == (statistic.better == "higher") else "worse"


def ranking(
    table: ScoreTable,
    statistic: Statistic,
    methods: Iterable[str],
    baseline: str,
    differences: Differences,
) -> tuple[list[str], dict[str, int], str | None]:
    """Methods in order, their ranks (1 + the number of methods that are better), and the clear winner.

    Two methods that are not the baseline are told apart only if one of them was told apart from the baseline, by
    Holm's rule over all such pairs: so equal methods are seldom separated, whatever their number.
    """
    ranked = [method for method in methods if table.seeds(method)]
    sign = 1.0 if statistic.better == "higher" else -1.0
    above = dict.fromkeys(ranked, 0)
    below = dict.fromkeys(ranked, 0)
    for better, worse in _separated(table, statistic, ranked, baseline, differences):
        above[worse] += 1
        below[better] += 1
    ranks = {method: 1 + above[method] for method in ranked}
    failed = [method for method in methods if method not in ranks]
    ranks |= {method: len(ranked) + 1 for method in failed}
    order = sorted(ranked, key=lambda method: (ranks[method], -sign * table.mean(statistic.name, method))) + failed
    winner = next((method for method in ranked if below[method] == len(ranked) - 1 > 0), None)
    return order, ranks, winner


def _separated(
    table: ScoreTable,
    statistic: Statistic,
    methods: list[str],
    baseline: str,
    differences: Differences,
) -> list[tuple[str, str]]:
    """Pairs (better, worse) that are told apart on the primary score."""
    pairs = []
    told = set()
    for method in methods:
        difference = differences.get((method, statistic.name))
        if difference is not None and difference.verdict in ("better", "worse"):
            told.add(method)
            pairs.append((method, baseline) if difference.verdict == "better" else (baseline, method))
    others = [pair for pair in combinations([m for m in methods if m != baseline], 2) if told & set(pair)]
    raw = [table.difference_variance(statistic.name, *pair) for pair in others]
    adjusted = holm([variance.p_value(estimate) for estimate, variance in raw])
    for (first, second), (estimate, _), p in zip(others, raw, adjusted, strict=True):
        verdict = _verdict(statistic, estimate, p, 1 - table.level)
        if verdict in ("better", "worse"):
            pairs.append((first, second) if verdict == "better" else (second, first))
    return pairs


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted by Holm's step-down rule (1979); NaN stays NaN and is not counted."""
    known = [index for index, p in enumerate(p_values) if not math.isnan(p)]
    adjusted = [math.nan] * len(p_values)
    largest = 0.0
    for place, index in enumerate(sorted(known, key=lambda index: p_values[index])):
        largest = max(largest, min(1.0, (len(known) - place) * p_values[index]))
        adjusted[index] = largest
    return adjusted
