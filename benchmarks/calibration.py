"""Time of a temperature fit against scikit-learn, and of a streamed ECE against torchmetrics.

    python benchmarks/calibration.py --out benchmarks/results/calibration-cpu

Each pair is timed in turn, so that both see the same load; told are the median times and the median of the ratios,
with their quartiles. scikit-learn is given the logits twice: by its public way (`CalibratedClassifierCV` around a
frozen classifier whose decision function hands the logits over), and as the bare fit inside it.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from pathlib import Path

import numpy as np
import sklearn
import torch
import torchmetrics
from scipy import optimize
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV, _TemperatureScaling
from sklearn.frozen import FrozenEstimator
from torchmetrics.classification import MulticlassCalibrationError

from softlabel.calibration import StreamingCalibrationError, TemperatureScaling


class HandsOver(ClassifierMixin, BaseEstimator):
    """A trained classifier whose decision function is its input."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X):
        return X

    def predict(self, X):
        return self.classes_[X.argmax(1)]


def in_turn(functions, rounds):
    """Seconds of each function, by round; one round to warm up is not counted."""
    times = {name: [] for name in functions}
    for counted in range(-1, rounds):
        for name, function in functions.items():
            started = time.perf_counter()
            function()
            if counted >= 0:
                times[name].append(time.perf_counter() - started)
    return times


def compare(times, ours):
    """Median seconds, and the median and quartiles of the ratio to ours."""
    found = {}
    for name, seconds in times.items():
        low, middle, high = np.quantile(np.array(seconds) / np.array(times[ours]), [0.25, 0.5, 0.75]).tolist()
        found[name] = {"seconds": statistics.median(seconds), "ratio": middle, "quartiles": [low, high]}
    return found


def exact_temperature(logits, index):
    """The optimum in double precision, to 1e-12, by bisection."""
    logits = logits.double()

    def slope(beta):
        expected = ((beta * logits).softmax(-1) * logits).sum(-1)
        return float((expected - logits.gather(1, index[:, None])[:, 0]).mean())

    return 1 / optimize.brentq(slope, 0.1, 10, xtol=1e-12)


def temperature(rounds, say):
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(50_000, 100, generator=generator)
    index = torch.multinomial(logits.softmax(-1), 1, generator=generator)[:, 0]
    logits = 1.2 * logits
    rows, labels = logits.numpy(), index.numpy()
    frozen = FrozenEstimator(HandsOver().fit(rows[:1000], labels))
    temperatures = {}

    def ours():
        temperatures["softlabel"] = TemperatureScaling().fit(logits, index).temperature

    def public():
        fitted = CalibratedClassifierCV(frozen, method="temperature", cv=2).fit(rows, labels)
        temperatures["scikit-learn"] = 1 / float(fitted.calibrated_classifiers_[0].calibrators[0].beta_)

    def bare():
        temperatures["scikit-learn, bare fit"] = 1 / float(_TemperatureScaling().fit(rows, labels).beta_)

    times = in_turn({"softlabel": ours, "scikit-learn": public, "scikit-learn, bare fit": bare}, rounds)
    exact = exact_temperature(logits, index)
    found = compare(times, "softlabel")
    say(f"temperature of 50,000 x 100 float32 logits; the exact optimum is {exact:.8f}")
    for name, one in found.items():
        one["temperature"] = temperatures[name]
        one["error"] = abs(temperatures[name] - exact)
        say(f"  {line(name, one)}   T {temperatures[name]:.8f} (off by {one['error']:.0e})")
    return found


def stream(rounds, say):
    generator = torch.Generator().manual_seed(0)
    batches = []
    for _ in range(100):
        logits = 2 * torch.randn(512, 1000, generator=generator)
        batches.append((logits, torch.multinomial(logits.softmax(-1), 1, generator=generator)[:, 0]))
    values, states = {}, {}

    def ours():
        state = StreamingCalibrationError()
        for logits, index in batches:
            state.update(index, logits=logits)
        values["softlabel"] = state.compute()
        states["softlabel"] = sum(tensor.nbytes for _, tensor in state)

    def theirs(name, validate):
        def run():
            metric = MulticlassCalibrationError(num_classes=1000, n_bins=15, validate_args=validate)
            for logits, index in batches:
                metric.update(logits, index)
            values[name] = float(metric.compute())
            states[name] = sum(part.nbytes for part in [*metric.confidences, *metric.accuracies])

        return run

    functions = {
        "softlabel": ours,
        "torchmetrics": theirs("torchmetrics", True),
        "torchmetrics, unchecked": theirs("torchmetrics, unchecked", False),
    }
    found = compare(in_turn(functions, rounds), "softlabel")
    say("ECE of 51,200 x 1000 float32 logits in 100 batches")
    for name, one in found.items():
        one["value"], one["state_bytes"] = values[name], states[name]
        say(f"  {line(name, one)}   ECE {values[name]:.8f}, state {states[name]:,} bytes")
    return found


def line(name, one):
    low, high = one["quartiles"]
    return f"{name:24} {1000 * one['seconds']:8.1f} ms  {one['ratio']:6.2f} x ({low:.2f} to {high:.2f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--threads", type=int, default=1, help="1 measures least of what else the machine does")
    parser.add_argument("--out", type=Path, help="write PATH.txt and PATH.json")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    lines = []

    def say(text):
        print(text, flush=True)
        lines.append(text)

    say(f"python benchmarks/calibration.py: {options.rounds} rounds, {options.threads} threads, {platform.machine()}")
    versions = f"torch {torch.__version__}, scikit-learn {sklearn.__version__}, torchmetrics {torchmetrics.__version__}"
    say(versions)
    results = {
        "versions": versions,
        "temperature": temperature(options.rounds, say),
        "ece": stream(options.rounds, say),
    }
    if options.out:
        options.out.with_suffix(".txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        options.out.with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
