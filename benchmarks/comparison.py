"""How often the statistics of a comparison are right, on simulated comparisons whose truth is known.

    python -m benchmarks comparison --out benchmarks/results/comparison-cpu

Test rows, their difficulty, seeds and each seed's own answers are drawn afresh for every comparison. Told are

claims    how often equal methods are told apart (A/A), on the primary score: any two of them, and a clear winner
coverage  how often the 95 % interval of the difference between two unlike methods holds the true one; the same for
          the plain hierarchical bootstrap (seeds and rows drawn with replacement, percentiles), and for the t-interval
          over seeds alone
visible   the difference said to be seen with probability 0.8, against the one that in fact is: by the formula where
          the variances are known, and as comparisons say it, who must estimate them

`tables` makes those of `docs/statistics.md`.
"""

from __future__ import annotations

import math
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats

from benchmarks import markdown
from benchmarks.benchmark import Json
from benchmarks.options import whole
from softlabel.calibration.ece import ExpectedCalibrationError
from softlabel.experiments.resampling import resample_rows
from softlabel.experiments.statistics import summarise
from softlabel.experiments.variance import POWER, VarianceComponents, variance_of_mean
from softlabel.metrics.accuracy import Accuracy
from softlabel.metrics.nll import NegativeLogLikelihood
from softlabel.statistic import Contribution

RIVAL = "the plain hierarchical bootstrap; the t-interval over seeds; the truth of the simulation"
PACKAGES = ("scipy",)
QUICK = ("--comparisons", "4")
SCORES = (NegativeLogLikelihood(), Accuracy(), ExpectedCalibrationError())
NUM_CLASSES, NUM_ROWS, RESAMPLES = 4, 200, 200
# How much a seed moves the whole model, against how much it moves its answers to single rows.
SPREADS = {"rows dominate": (0.02, 0.3), "both": (0.15, 0.3), "seeds dominate": (0.6, 0.3)}
INTERVALS = ("ours", "plain bootstrap", "t over seeds")
KNOWN = (
    VarianceComponents(3, 1.2, 0.2, 0.5),
    VarianceComponents(3, 0.3, 0.2, 0.5),
    VarianceComponents(5, 1.2, 0.2, 0.0),
    VarianceComponents(10, 1.2, 0.2, 0.5),
)


def simulate(
    generator: np.random.Generator,
    methods: Mapping[str, tuple[float, float]],
    seeds: int,
    spread: tuple[float, float],
    scores: Sequence[Any] = SCORES,
) -> dict[str, list[dict[str, Contribution]]]:
    """Contributions by method and seed; a method is (gain of the true class, factor of all logits)."""
    of_seed, of_rows = spread
    truth = generator.integers(0, NUM_CLASSES, NUM_ROWS)
    base = generator.normal(0, 1, (NUM_ROWS, NUM_CLASSES))
    base[np.arange(NUM_ROWS), truth] += generator.normal(1.5, 1.5, NUM_ROWS)
    runs: dict[str, list[dict[str, Contribution]]] = {}
    for name, (gain, factor) in methods.items():
        runs[name] = []
        for _ in range(seeds):
            logits = base + generator.normal(0, of_rows, base.shape)
            logits[np.arange(NUM_ROWS), truth] += gain + generator.normal(0, of_seed)
            log_probabilities = torch.from_numpy(factor * logits).log_softmax(-1)
            runs[name].append({s.name: s.contribute(log_probabilities, torch.from_numpy(truth)) for s in scores})
    return runs


def claims(num_methods: int, seeds: int, spread: tuple[float, float], comparisons: int) -> dict[str, float]:
    """Share of comparisons of equal methods that tell any two apart, and that name a winner."""
    methods = {f"m{index}": (0.0, 1.0) for index in range(num_methods)}
    apart = winner = 0
    for index in range(comparisons):
        runs = simulate(np.random.default_rng(index), methods, seeds, spread, SCORES[:1])
        summary = summarise(SCORES[:1], runs, "m0", primary="nll", resamples=RESAMPLES)
        apart += any(method.rank > 1 for method in summary.methods)
        winner += summary.winner is not None
    return {"told_apart": apart / comparisons, "winner": winner / comparisons}


def coverage(seeds: int, spread: tuple[float, float], comparisons: int) -> dict[str, Json]:
    """By score: coverage of our interval, of the plain bootstrap's, t over seeds; visible differences."""
    methods = {"a": (0.0, 1.0), "b": (0.2, 0.8)}
    estimates: dict[str, list[Any]] = {score.name: [] for score in SCORES}
    intervals: dict[str, list[Any]] = {score.name: [] for score in SCORES}
    visible: dict[str, list[Any]] = {score.name: [] for score in SCORES}
    for index in range(comparisons):
        generator = np.random.default_rng(10_000 + index)
        runs = simulate(generator, methods, seeds, spread)
        found = resample_rows(SCORES, runs["a"] + runs["b"], RESAMPLES, index)
        for name, one in found.items():
            difference = one.estimate[seeds:] - one.estimate[:seeds]
            replicates = one.replicates[seeds:] - one.replicates[:seeds]
            variance = variance_of_mean(difference, replicates)
            drawn = replicates[generator.integers(0, seeds, replicates.shape), np.arange(RESAMPLES)].mean(axis=0)
            error = difference.std(ddof=1) / math.sqrt(seeds)
            estimates[name].append(difference.mean())
            visible[name].append((variance.visible_difference(0.05), variance.visible_estimate(0.05)))
            intervals[name].append(
                [
                    variance.interval(difference.mean(), 0.95),
                    tuple(np.quantile(drawn, [0.025, 0.975])),
                    stats.t.interval(0.95, seeds - 1, difference.mean(), error),
                ]
            )
    return {
        name: _covered(np.array(estimates[name]), np.array(intervals[name]), np.array(visible[name]))
        for name in visible
    }


def _covered(estimates: NDArray[np.float64], intervals: NDArray[np.float64], visible: NDArray[np.float64]) -> Json:
    low, high = np.moveaxis(intervals, -1, 0)
    truth = estimates.mean()
    covered = ((low <= truth) & (truth <= high)).mean(axis=0)
    said, needed = visible.T
    # A true difference d is seen where d + error is claimed.
    seen = np.quantile(needed - (estimates - truth), POWER)
    return {
        "coverage": dict(zip(INTERVALS, covered.tolist(), strict=True)),
        "visible": {"seen": float(seen), "said": np.quantile(said, [0.1, 0.5, 0.9]).tolist()},
    }


def formula(variance: VarianceComponents, trials: int) -> dict[str, float]:
    """The difference that the formula says is visible with known variances, and the one that trials show to be."""
    generator = np.random.default_rng(0)
    needed = []
    for _ in range(trials):
        values = generator.normal(0, math.sqrt(variance.shared)) + generator.normal(
            0, math.sqrt(variance.between), variance.seeds
        )
        found = VarianceComponents(variance.seeds, float(values.var(ddof=1)), variance.own, variance.shared)
        needed.append(found.visible_estimate(0.05) - values.mean())
    return {"said": variance.visible_difference(0.05), "seen": float(np.quantile(needed, POWER))}


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--comparisons", type=whole, default=2000, help="A/A comparisons a line; a quarter for the other lines"
    )


def measure(options: Namespace) -> Json:
    comparisons = options.comparisons
    fewer = max(4, comparisons // 4)
    results: Json = {"rows": NUM_ROWS, "classes": NUM_CLASSES, "resamples": RESAMPLES, "comparisons": fewer}
    results |= {"claims": [], "coverage": [], "formula": []}
    settings = [("both", 3, 3, comparisons), ("both", 6, 3, comparisons), ("seeds dominate", 3, 3, comparisons)]
    settings += [("rows dominate", 3, 3, fewer), *((name, 3, seeds, fewer) for name in SPREADS for seeds in (5, 10))]
    for name, methods, seeds, number in settings:
        setting = {"spread": name, "methods": methods, "seeds": seeds, "comparisons": number}
        found = setting | claims(methods, seeds, SPREADS[name], number)
        results["claims"].append(found)
        print(found, file=sys.stderr)
    for variance in KNOWN:
        parts = {"seeds": variance.seeds, "between": variance.between, "own": variance.own, "shared": variance.shared}
        results["formula"].append(parts | formula(variance, comparisons))
    for name in SPREADS:
        for seeds in (3, 5, 10):
            for score, found in coverage(seeds, SPREADS[name], fewer).items():
                results["coverage"].append({"spread": name, "seeds": seeds, "score": score} | found)
                print(results["coverage"][-1], file=sys.stderr)
    return results


def tables(measured: Json) -> dict[str, str]:
    """The tables of the page, in Markdown, by name."""
    return {
        "claims": markdown.table(
            ("noise", "methods", "seeds", "comparisons", "any two told apart", "a winner named"),
            [
                (c["spread"], c["methods"], c["seeds"], c["comparisons"], _share(c["told_apart"]), _share(c["winner"]))
                for c in measured["claims"]
            ],
        ),
        "coverage": markdown.table(
            ("noise", "seeds", "score", "ours", "plain bootstrap", "t over seeds"),
            [
                (c["spread"], c["seeds"], c["score"], *(_share(c["coverage"][name]) for name in INTERVALS))
                for c in measured["coverage"]
            ],
        ),
        "formula": markdown.table(
            ("seeds", "between", "own", "shared", "said", "seen", "said / seen"),
            [
                (
                    f["seeds"],
                    f["between"],
                    f["own"],
                    f["shared"],
                    f"{f['said']:.2f}",
                    f"{f['seen']:.2f}",
                    f"{f['said'] / f['seen']:.2f}",
                )
                for f in measured["formula"]
            ],
        ),
        "said": markdown.table(
            ("noise", "seeds", "score", "said / seen: lowest tenth", "median", "highest tenth"),
            [
                (
                    c["spread"],
                    c["seeds"],
                    c["score"],
                    *(f"{s / c['visible']['seen']:.2f}" for s in c["visible"]["said"]),
                )
                for c in measured["coverage"]
                if c["score"] != "ece"
            ],
        ),
    }


def told(measured: Json) -> str:
    return "\n\n".join(f"{name}\n{table}" for name, table in tables(measured).items())


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"
