"""Time of a temperature fit against scikit-learn, and of a streamed ECE against torchmetrics.

    python -m benchmarks calibration --out benchmarks/results/calibration-cpu

All take turns, so that they see the same load; told are the median times and the median of the ratios to ours, with the
middle half of them. scikit-learn is given the logits twice: by its public way (`CalibratedClassifierCV` around a frozen
classifier whose decision function hands the logits over), and as the bare fit inside it.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy import optimize
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV, _TemperatureScaling
from sklearn.frozen import FrozenEstimator
from torch import Tensor
from torchmetrics.classification import MulticlassCalibrationError

from benchmarks.benchmark import Json
from benchmarks.interleaved import ORDER, in_turn, timed
from benchmarks.options import whole
from benchmarks.ratios import compared, shown
from softlabel.calibration import StreamingCalibrationError, TemperatureScaling

RIVAL = "temperature scaling of scikit-learn (public, and the bare fit); ECE of torchmetrics (checked, and unchecked)"
PACKAGES = ("scikit-learn", "torchmetrics")
QUICK = ("--rounds", "1", "--rows", "4000")
OURS = "softlabel"


class HandsOver(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A trained classifier whose decision function is its input."""

    def fit(self, X: Any, y: Any) -> HandsOver:
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X: Any) -> Any:
        return X

    def predict(self, X: Any) -> Any:
        return self.classes_[X.argmax(1)]


def exact_temperature(logits: Tensor, index: Tensor) -> float:
    """The optimum in double precision, to 1e-12, by bisection."""
    logits = logits.double()

    def slope(beta: float) -> float:
        expected = ((beta * logits).softmax(-1) * logits).sum(-1)
        return float((expected - logits.gather(1, index[:, None])[:, 0]).mean())

    return 1 / float(optimize.brentq(slope, 0.1, 10, xtol=1e-12))


def drawn(rows: int, num_classes: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Logits, and labels that they draw."""
    logits = 2 * torch.randn(rows, num_classes, generator=generator)
    return logits, torch.multinomial(logits.softmax(-1), 1, generator=generator)[:, 0]


def temperature(rows: int, rounds: int) -> Json:
    """The fit of rows x 100 logits that are over-confident by a known factor."""
    logits, index = drawn(rows, 100, torch.Generator().manual_seed(0))
    logits = 1.2 * logits
    values, labels = logits.numpy(), index.numpy()
    frozen = FrozenEstimator(HandsOver().fit(values, labels))
    found: dict[str, float] = {}

    def ours() -> None:
        found[OURS] = float(TemperatureScaling().fit(logits, index).temperature)

    def public() -> None:
        fitted = CalibratedClassifierCV(frozen, method="temperature", cv=2).fit(values, labels)
        found["scikit-learn"] = 1 / float(fitted.calibrated_classifiers_[0].calibrators[0].beta_)

    def bare() -> None:
        found["scikit-learn, bare fit"] = 1 / float(_TemperatureScaling().fit(values, labels).beta_)

    works = {OURS: ours, "scikit-learn": public, "scikit-learn, bare fit": bare}
    times = raced(works, rounds)
    exact = exact_temperature(logits, index)
    fits = {name: {**own, "temperature": found[name], "error": abs(found[name] - exact)} for name, own in times.items()}
    return {"shape": list(logits.shape), "exact": exact, "fits": fits}


def stream(rows: int, rounds: int) -> Json:
    """The ECE of rows x 1000 logits that come in 100 batches."""
    generator = torch.Generator().manual_seed(0)
    batches = [drawn(rows // 100, 1000, generator) for _ in range(100)]
    values: dict[str, float] = {}
    states: dict[str, int] = {}

    def ours() -> None:
        state = StreamingCalibrationError()
        for logits, index in batches:
            state.update(index, logits=logits)
        values[OURS] = float(state.compute())
        states[OURS] = sum(tensor.nbytes for _, tensor in state)

    def theirs(name: str, validate: bool) -> Callable[[], None]:
        def run() -> None:
            metric = MulticlassCalibrationError(num_classes=1000, n_bins=15, validate_args=validate)
            for logits, index in batches:
                metric.update(logits, index)
            values[name] = float(metric.compute())
            states[name] = sum(part.nbytes for part in [*metric.confidences, *metric.accuracies])

        return run

    rivals = {"torchmetrics": True, "torchmetrics, unchecked": False}
    times = raced({OURS: ours, **{name: theirs(name, validate) for name, validate in rivals.items()}}, rounds)
    streams = {name: {**own, "value": values[name], "state_bytes": states[name]} for name, own in times.items()}
    return {"shape": [rows // 100 * 100, 1000], "streams": streams}


def raced(works: dict[str, Callable[[], None]], rounds: int) -> dict[str, Any]:
    return dict(compared(in_turn({name: timed(work) for name, work in works.items()}, rounds), OURS))


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--rounds", type=whole, default=11)
    parser.add_argument("--rows", type=whole, help="rows in place of 50,000 for the temperature and 51,200 for the ECE")


def measure(options: Namespace) -> Json:
    return {
        "rounds": options.rounds,
        "order": ORDER,
        "temperature": temperature(options.rows or 50_000, options.rounds),
        "ece": stream(options.rows or 51_200, options.rounds),
    }


def told(measured: Json) -> str:
    fit, ece = measured["temperature"], measured["ece"]
    lines = [f"{measured['rounds']} rounds, {measured['order']}"]
    lines.append(f"temperature of {_size(fit)} float32 logits; the exact optimum is {fit['exact']:.8f}")
    for name, one in fit["fits"].items():
        lines.append(f"  {_line(name, one)}   T {one['temperature']:.8f} (off by {one['error']:.0e})")
    lines.append(f"ECE of {_size(ece)} float32 logits in 100 batches")
    for name, one in ece["streams"].items():
        lines.append(f"  {_line(name, one)}   ECE {one['value']:.8f}, state {one['state_bytes']:,} bytes")
    return "\n".join(lines)


def _size(part: Json) -> str:
    return " x ".join(f"{number:,}" for number in part["shape"])


def _line(name: str, one: Json) -> str:
    return f"{name:24} {1000 * one['median']:8.1f} ms  {shown(one['ratio']):>20} x"
