"""Which method is better, and which differences are no more than noise.

Every difference is paired: the same test rows and the same seeds for both methods. Its interval covers the choice of
both (see `variance`), and its verdict is adjusted for the number of comparisons (see `differences`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from softlabel.errors import RunError
from softlabel.experiments.differences import Differences, differences_to, ranking
from softlabel.experiments.resampling import Rows, resample_rows
from softlabel.experiments.score_table import ScoreTable
from softlabel.experiments.summary import MethodSummary, Summary
from softlabel.experiments.variance import VarianceComponents, pooled
from softlabel.statistic import Statistic

MORE_SEEDS = 4


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
    finished = {(method, place): run for method, runs in contributions.items() for place, run in enumerate(runs) if run}
    if not finished:
        raise RunError("no run finished, so there is nothing to compare")
    table = ScoreTable(resample_rows(statistics, list(finished.values()), resamples, seed), list(finished), level)
    differences = differences_to(table, statistics, contributions, baseline, primary)
    primary_statistic = next(statistic for statistic in statistics if statistic.name == primary)
    order, ranks, winner = ranking(table, primary_statistic, contributions, baseline, differences)
    methods = tuple(
        _method_summary(table, statistics, method, ranks[method], contributions[method], differences)
        for method in order
    )
    others = [name for name in contributions if name != baseline]
    variance = pooled([table.difference_variance(primary, other, baseline)[1] for other in others])
    # Holm's first step asks this of the clearest of the differences.
    alpha = (1 - level) / max(1, len(others))
    visible = math.nan if variance is None else variance.visible_difference(alpha)
    more = None if variance is None else _more_seeds(variance, alpha)
    return Summary(
        methods=methods,
        baseline=baseline,
        primary=primary,
        level=level,
        rows=len(next(iter(finished.values()))[primary].cell),
        winner=winner,
        smallest_visible_difference=visible,
        more_seeds=more,
        variance=variance,
        text=_text(methods, primary_statistic, winner, visible, more),
    )


def _more_seeds(variance: VarianceComponents, alpha: float) -> tuple[int, float]:
    seeds = MORE_SEEDS * variance.seeds
    return seeds, variance.with_seeds(seeds).visible_difference(alpha)


def _method_summary(
    table: ScoreTable,
    statistics: Sequence[Statistic],
    method: str,
    rank: int,
    rows: Sequence[Rows | None],
    differences: Differences,
) -> MethodSummary:
    own = {
        statistic.name: differences[method, statistic.name]
        for statistic in statistics
        if (method, statistic.name) in differences
    }
    finished = sum(run is not None for run in rows)
    scores = {statistic.name: table.summary(statistic, method) for statistic in statistics}
    return MethodSummary(method, rank, finished, len(rows) - finished, scores, own or None)


def _text(
    methods: Sequence[MethodSummary],
    statistic: Statistic,
    winner: str | None,
    visible: float,
    more: tuple[int, float] | None,
) -> str:
    finished = [method for method in methods if method.seeds]
    first = [method.method for method in finished if method.rank == finished[0].rank]
    if winner is not None:
        parts = [f"{winner} is better than every other method on {statistic.title}, by more than noise."]
    elif len(finished) == 1:
        parts = [f"{first[0]} is the only method with a result."]
    elif len(first) == len(finished):
        parts = [f"No clear winner: on {statistic.title} the differences are no more than noise."]
    elif len(first) == 1:
        parts = [f"No clear winner: on {statistic.title} {first[0]} is not better than all others by more than noise."]
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
