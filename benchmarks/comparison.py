"""How often the statistics of a comparison are right, on simulated comparisons whose truth is known.

    python benchmarks/comparison.py --out benchmarks/results/comparison-cpu

Test rows, their difficulty, seeds and each seed's own answers are drawn afresh for every comparison. Told are

claims    how often equal methods are told apart (A/A), on the primary score: any two of them, and a clear winner
coverage  how often the 95 % interval of the difference between two unlike methods holds the true one; the same for
          the plain hierarchical bootstrap (seeds and rows drawn with replacement, percentiles), and for the t-interval
          over seeds alone
power     the difference said to be visible with probability 0.8, and how often it is in fact seen
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

from softlabel.experiments.noise import Noise, noise_of_mean
from softlabel.experiments.resampling import resample_rows
from softlabel.experiments.statistics import summarise
from softlabel.metrics.accuracy import Accuracy
from softlabel.metrics.ece import ExpectedCalibrationError
from softlabel.metrics.nll import NegativeLogLikelihood

SCORES = (NegativeLogLikelihood(), Accuracy(), ExpectedCalibrationError())
NUM_CLASSES, NUM_ROWS, RESAMPLES = 4, 200, 200
# How much a seed moves the whole model, against how much it moves its answers to single rows.
SPREADS = {"rows dominate": (0.02, 0.3), "both": (0.15, 0.3), "seeds dominate": (0.6, 0.3)}


def simulate(generator, methods, seeds, spread):
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
            runs[name].append({s.name: s.contribute(log_probabilities, torch.from_numpy(truth)) for s in SCORES})
    return runs


def claims(num_methods, seeds, spread, comparisons):
    """Share of comparisons of equal methods that tell any two apart, and that name a winner."""
    methods = {f"m{index}": (0.0, 1.0) for index in range(num_methods)}
    apart = winner = 0
    for index in range(comparisons):
        runs = simulate(np.random.default_rng(index), methods, seeds, spread)
        summary = summarise(SCORES[:1], runs, "m0", primary="nll", resamples=RESAMPLES)
        apart += any(method.rank > 1 for method in summary.methods)
        winner += summary.winner is not None
    return apart / comparisons, winner / comparisons


def coverage(seeds, spread, comparisons):
    """By score: coverage of our interval, of the plain bootstrap's, and of t over seeds; and their mean widths."""
    methods = {"a": (0.0, 1.0), "b": (0.2, 0.8)}
    estimates = {score.name: [] for score in SCORES}
    intervals = {score.name: [] for score in SCORES}
    for index in range(comparisons):
        generator = np.random.default_rng(10_000 + index)
        runs = simulate(generator, methods, seeds, spread)
        found = resample_rows(SCORES, runs["a"] + runs["b"], RESAMPLES, index)
        for name, one in found.items():
            difference = one.estimate[seeds:] - one.estimate[:seeds]
            replicates = one.replicates[seeds:] - one.replicates[:seeds]
            drawn = replicates[generator.integers(0, seeds, replicates.shape), np.arange(RESAMPLES)].mean(axis=0)
            error = difference.std(ddof=1) / math.sqrt(seeds)
            estimates[name].append(difference.mean())
            intervals[name].append(
                [
                    noise_of_mean(difference, replicates).interval(difference.mean(), 0.95),
                    tuple(np.quantile(drawn, [0.025, 0.975])),
                    stats.t.interval(0.95, seeds - 1, difference.mean(), error),
                ]
            )
    result = {}
    for name, found in intervals.items():
        low, high = np.moveaxis(np.array(found), -1, 0)
        truth = np.mean(estimates[name])
        covered = ((low <= truth) & (truth <= high)).mean(axis=0)
        result[name] = {"coverage": covered.tolist(), "width": (high - low).mean(axis=0).tolist()}
    return result


def power(noise, trials):
    """The difference said to be visible with probability 0.8, and how often it is."""
    generator = np.random.default_rng(0)
    difference = noise.visible_difference(0.05)
    seen = 0
    for _ in range(trials):
        values = difference + generator.normal(0, math.sqrt(noise.shared))
        values = values + generator.normal(0, math.sqrt(noise.between), noise.seeds)
        found = Noise(noise.seeds, float(values.var(ddof=1)), noise.own, noise.shared)
        seen += found.p_value(float(values.mean())) < 0.05
    return difference, seen / trials


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--comparisons", type=int, default=2000, help="simulated comparisons for the first line")
    parser.add_argument("--out", type=Path, help="write PATH.txt and PATH.json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    started = time.perf_counter()
    fewer = max(1, options.comparisons // 8)
    lines, results = [], {"claims": [], "coverage": [], "power": []}

    def say(line):
        print(line, flush=True)
        lines.append(line)

    say(f"{NUM_ROWS} test rows, {NUM_CLASSES} classes, {RESAMPLES} resamples; python benchmarks/comparison.py")
    say("")
    say("claims among equal methods (at most 0.05 is wanted)")
    say(f"{'spread':16}{'methods':>8}{'seeds':>7}{'comparisons':>13}{'told apart':>12}{'winner':>9}")
    settings = [("both", 3, 3, options.comparisons)]
    settings += [(name, 3, seeds, fewer) for name in SPREADS for seeds in (3, 5)] + [("both", 6, 3, fewer)]
    for name, num_methods, seeds, comparisons in settings:
        apart, winner = claims(num_methods, seeds, SPREADS[name], comparisons)
        say(f"{name:16}{num_methods:8}{seeds:7}{comparisons:13}{apart:12.3f}{winner:9.3f}")
        results["claims"].append([name, num_methods, seeds, comparisons, apart, winner])
    say("")
    say("coverage of 95 % intervals of a true difference, and width as a multiple of ours")
    heads = "".join(f"{head:>12}" for head in ("ours", "bootstrap", "(width)", "t of seeds", "(width)"))
    say(f"{'spread':16}{'seeds':>6} {'score':10}{heads}")
    for name in SPREADS:
        for seeds in (3, 5, 10):
            for score, found in coverage(seeds, SPREADS[name], fewer).items():
                (ours, plain, student), width = found["coverage"], np.array(found["width"]) / found["width"][0]
                numbers = f"{ours:12.3f}{plain:12.3f}{width[1]:12.2f}{student:12.3f}{width[2]:12.2f}"
                say(f"{name:16}{seeds:6} {score:10}{numbers}")
                results["coverage"].append([name, seeds, score, found])
    say("")
    say("a difference said to be seen four times in five")
    for noise in (Noise(3, 1.2, 0.2, 0.5), Noise(3, 0.3, 0.2, 0.5), Noise(5, 1.2, 0.2, 0.0), Noise(10, 1.2, 0.2, 0.5)):
        difference, seen = power(noise, options.comparisons)
        say(f"{noise!s:60} {difference:6.3f}  seen {seen:.3f}")
        results["power"].append([noise.seeds, noise.between, noise.own, noise.shared, difference, seen])
    seconds = time.perf_counter() - started
    say("")
    say(f"{seconds:.0f} s on {platform.machine()}, one thread, torch {torch.__version__}, numpy {np.__version__}")
    if options.out:
        options.out.with_suffix(".txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        options.out.with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
