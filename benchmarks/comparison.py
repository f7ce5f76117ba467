"""How often the statistics of a comparison are right, on simulated comparisons whose truth is known.

    python benchmarks/comparison.py --out benchmarks/results/comparison-cpu

Test rows, their difficulty, seeds and each seed's own answers are drawn afresh for every comparison. Told are

claims    how often equal methods are told apart (A/A), on the primary score: any two of them, and a clear winner
coverage  how often the 95 % interval of the difference between two unlike methods holds the true one; the same for
          the plain hierarchical bootstrap (seeds and rows drawn with replacement, percentiles), and for the t-interval
          over seeds alone
visible   the difference said to be seen with probability 0.8, against the one that in fact is: by the formula where
          the variances are known, and as comparisons say it, who must estimate them

`tables` makes the tables of `docs/statistics.md` from the stored numbers.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import time
from pathlib import Path

import numpy as np
import torch
from scipy import stats

from softlabel.calibration.ece import ExpectedCalibrationError
from softlabel.experiments.noise import POWER, Noise, noise_of_mean
from softlabel.experiments.resampling import resample_rows
from softlabel.experiments.statistics import summarise
from softlabel.metrics.accuracy import Accuracy
from softlabel.metrics.nll import NegativeLogLikelihood

SCORES = (NegativeLogLikelihood(), Accuracy(), ExpectedCalibrationError())
NUM_CLASSES, NUM_ROWS, RESAMPLES = 4, 200, 200
# How much a seed moves the whole model, against how much it moves its answers to single rows.
SPREADS = {"rows dominate": (0.02, 0.3), "both": (0.15, 0.3), "seeds dominate": (0.6, 0.3)}
INTERVALS = ("ours", "plain bootstrap", "t over seeds")
KNOWN = (Noise(3, 1.2, 0.2, 0.5), Noise(3, 0.3, 0.2, 0.5), Noise(5, 1.2, 0.2, 0.0), Noise(10, 1.2, 0.2, 0.5))


def simulate(generator, methods, seeds, spread, scores=SCORES):
    """Contributions by method and seed; a method is (gain of the true class, factor of all logits)."""
    of_seed, of_rows = spread
    truth = generator.integers(0, NUM_CLASSES, NUM_ROWS)
    base = generator.normal(0, 1, (NUM_ROWS, NUM_CLASSES))
    base[np.arange(NUM_ROWS), truth] += generator.normal(1.5, 1.5, NUM_ROWS)
    runs = {}
    for name, (gain, factor) in methods.items():
        runs[name] = []
        for _ in range(seeds):
            logits = base + generator.normal(0, of_rows, base.shape)
            logits[np.arange(NUM_ROWS), truth] += gain + generator.normal(0, of_seed)
            log_probabilities = torch.from_numpy(factor * logits).log_softmax(-1)
            runs[name].append({s.name: s.contribute(log_probabilities, torch.from_numpy(truth)) for s in scores})
    return runs


def claims(num_methods, seeds, spread, comparisons):
    """Share of comparisons of equal methods that tell any two apart, and that name a winner."""
    methods = {f"m{index}": (0.0, 1.0) for index in range(num_methods)}
    apart = winner = 0
    for index in range(comparisons):
        runs = simulate(np.random.default_rng(index), methods, seeds, spread, SCORES[:1])
        summary = summarise(SCORES[:1], runs, "m0", primary="nll", resamples=RESAMPLES)
        apart += any(method.rank > 1 for method in summary.methods)
        winner += summary.winner is not None
    return {"told_apart": apart / comparisons, "winner": winner / comparisons}


def coverage(seeds, spread, comparisons):
    """By score: coverage of our interval, of the plain bootstrap's, t over seeds; visible differences."""
    methods = {"a": (0.0, 1.0), "b": (0.2, 0.8)}
    estimates = {score.name: [] for score in SCORES}
    intervals = {score.name: [] for score in SCORES}
    visible = {score.name: [] for score in SCORES}
    for index in range(comparisons):
        generator = np.random.default_rng(10_000 + index)
        runs = simulate(generator, methods, seeds, spread)
        found = resample_rows(SCORES, runs["a"] + runs["b"], RESAMPLES, index)
        for name, one in found.items():
            difference = one.estimate[seeds:] - one.estimate[:seeds]
            replicates = one.replicates[seeds:] - one.replicates[:seeds]
            noise = noise_of_mean(difference, replicates)
            drawn = replicates[generator.integers(0, seeds, replicates.shape), np.arange(RESAMPLES)].mean(axis=0)
            error = difference.std(ddof=1) / math.sqrt(seeds)
            estimates[name].append(difference.mean())
            visible[name].append((noise.visible_difference(0.05), noise.visible_estimate(0.05)))
            intervals[name].append(
                [
                    noise.interval(difference.mean(), 0.95),
                    tuple(np.quantile(drawn, [0.025, 0.975])),
                    stats.t.interval(0.95, seeds - 1, difference.mean(), error),
                ]
            )
    return {
        name: _covered(np.array(estimates[name]), np.array(intervals[name]), np.array(visible[name]))
        for name in visible
    }


def _covered(estimates, intervals, visible):
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


def formula(noise, trials):
    """The difference that the formula says is visible with known variances, and the one that trials show to be."""
    generator = np.random.default_rng(0)
    needed = []
    for _ in range(trials):
        values = generator.normal(0, math.sqrt(noise.shared)) + generator.normal(
            0, math.sqrt(noise.between), noise.seeds
        )
        found = Noise(noise.seeds, float(values.var(ddof=1)), noise.own, noise.shared)
        needed.append(found.visible_estimate(0.05) - values.mean())
    return {"said": noise.visible_difference(0.05), "seen": float(np.quantile(needed, POWER))}


def measure(comparisons, say):
    """All numbers, as stored."""
    fewer = max(10, comparisons // 4)
    results = {"rows": NUM_ROWS, "classes": NUM_CLASSES, "resamples": RESAMPLES, "comparisons": fewer}
    results |= {"claims": [], "coverage": [], "formula": []}
    settings = [("both", 3, 3, comparisons), ("both", 6, 3, comparisons), ("seeds dominate", 3, 3, comparisons)]
    settings += [("rows dominate", 3, 3, fewer), *((name, 3, seeds, fewer) for name in SPREADS for seeds in (5, 10))]
    for name, methods, seeds, number in settings:
        setting = {"spread": name, "methods": methods, "seeds": seeds, "comparisons": number}
        found = setting | claims(methods, seeds, SPREADS[name], number)
        results["claims"].append(found)
        say(found)
    for noise in KNOWN:
        parts = {"seeds": noise.seeds, "between": noise.between, "own": noise.own, "shared": noise.shared}
        results["formula"].append(parts | formula(noise, comparisons))
    for name in SPREADS:
        for seeds in (3, 5, 10):
            for score, found in coverage(seeds, SPREADS[name], fewer).items():
                results["coverage"].append({"spread": name, "seeds": seeds, "score": score} | found)
                say(results["coverage"][-1])
    return results


def tables(results):
    """The tables of the page, in Markdown, by name."""
    return {
        "claims": _table(
            ("noise", "methods", "seeds", "comparisons", "any two told apart", "a winner named"),
            [
                (c["spread"], c["methods"], c["seeds"], c["comparisons"], _share(c["told_apart"]), _share(c["winner"]))
                for c in results["claims"]
            ],
        ),
        "coverage": _table(
            ("noise", "seeds", "score", "ours", "plain bootstrap", "t over seeds"),
            [
                (c["spread"], c["seeds"], c["score"], *(_share(c["coverage"][name]) for name in INTERVALS))
                for c in results["coverage"]
            ],
        ),
        "formula": _table(
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
                for f in results["formula"]
            ],
        ),
        "said": _table(
            ("noise", "seeds", "score", "said / seen: lowest tenth", "median", "highest tenth"),
            [
                (
                    c["spread"],
                    c["seeds"],
                    c["score"],
                    *(f"{s / c['visible']['seen']:.2f}" for s in c["visible"]["said"]),
                )
                for c in results["coverage"]
                if c["score"] != "ece"
            ],
        ),
    }


def _share(value):
    return f"{100 * value:.1f} %"


def _table(heads, rows):
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--comparisons", type=int, default=2000, help="A/A comparisons a line; a quarter for the other lines"
    )
    parser.add_argument("--out", type=Path, help="write PATH.txt and PATH.json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    started = time.perf_counter()
    results = measure(options.comparisons, lambda found: print(found, flush=True))
    machine = f"{platform.machine()}, one thread, torch {torch.__version__}, numpy {np.__version__}"
    results["machine"] = f"{time.perf_counter() - started:.0f} s on {machine}"
    text = "\n\n".join([*(f"{name}\n{table}" for name, table in tables(results).items()), results["machine"]])
    print(text)
    if options.out:
        options.out.with_suffix(".txt").write_text(text + "\n", encoding="utf-8")
        options.out.with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
