"""Temperature scaling (Guo et al. 2017, section 4.2): one number that makes confidence honest and moves no answer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, Literal

import torch
from torch import Tensor

from softlabel.calibration.inputs import as_distribution, as_labels, as_predictions
from softlabel.calibration.left_out import group_slopes, left_out_gain
from softlabel.calibration.newton import minimise
from softlabel.calibration.slope import Block, Slope, blocks_of, slope_at
from softlabel.labels import LabelDistribution
from softlabel.wilson import NORMAL_975

LOWEST, HIGHEST = 0.05, 20.0
BRACKET = -math.log(HIGHEST), -math.log(LOWEST)  # of log beta = -log T
ENOUGH_TO_START = 4096

Flag = Literal[
    "no rows",
    "constant logits",
    "lower bound",
    "upper bound",
    "no gain on rows left out",
    "every row right: kept at 1",
    "too few rows",
]
FEWEST = 10
"""Samples that an interval from a variance takes at least."""
WIDEST = 4.0
"""High over low of an interval beyond which the rows do not tell a temperature."""
ClassWeight = Tensor | Literal["balanced"] | None


class TemperatureScaling:
    """Divides logits by the temperature that makes held-out labels most likely (Guo et al. 2017, section 4.2).

    >>> import torch
    >>> import softlabel as sl
    >>> logits = 5 * torch.sin(torch.arange(6000.0)).view(2000, 3)
    >>> truth = (logits / 2).softmax(-1)  # labels as distributions, half as sure as the logits
    >>> scaling = sl.calibration.TemperatureScaling().fit(logits, truth)
    >>> probabilities = scaling(logits).softmax(-1)  # as sure as the labels
    >>> round(scaling.temperature, 3)
    2.0

    temperature  T, from 0.05 to 20; 1 before `fit`
    interval     95 % interval of T over the choice of held-out rows, within 0.05 to 20; NaN where T is not an optimum
    gain         mean log-likelihood, in nats, of rows left out at temperatures fitted without them, less that at T = 1
    flag         None, or what T rests on: "no rows" and "constant logits" leave T at 1;
                 "lower bound": (nearly) every row is right, so any sharper prediction is more likely still;
                 "upper bound": the logits say nothing true, so a flat prediction is most likely;
                 "no gain on rows left out": as `gain` is not above 0, T = 1 does as well;
                 "every row right: kept at 1": the lower bound, with `cautious`;
                 "too few rows": fewer than 10, or an interval whose ends are a factor of more than 4 apart
    evaluations  passes over the rows that `fit` took

    Fit it on rows that trained nothing; accuracy does not change. The likelihood is convex in 1/T, so the answer does
    not depend on a start or a learning rate.
    """

    def __init__(self, temperature: float = 1.0) -> None:
        self.temperature = temperature
        self.interval: tuple[float, float] = (math.nan, math.nan)
        self.gain = math.nan
        self.flag: Flag | None = None
        self.evaluations = 0

    @property
    def bounded(self) -> bool:
        """Whether some finite temperature inside the range is most likely."""
        return not math.isnan(self.interval[0])

    def __repr__(self) -> str:
        flag = f", flag={self.flag!r}" if self.flag else ""
        return f"TemperatureScaling(temperature={self.temperature:.6g}{flag})"

    def __call__(self, logits: Tensor) -> Tensor:
        """Logits / T, in the logits' dtype."""
        return logits / self.temperature

    transform = __call__

    def fit(
        self,
        logits: Any,
        labels: Any,
        group: Tensor | None = None,
        *,
        class_weight: ClassWeight = None,
        ignore_index: int = -100,
        chunk_size: int | None = None,
        cautious: bool = False,
    ) -> TemperatureScaling:
        """Find T on logits (N, K) or (N, K, ...); log-probabilities do as well.

        labels        classes (N, ...), probabilities in the logits' layout, or a label distribution
        group         (N,) whole numbers from 0: rows that belong together, and so are left out together, and count as
                      one for the interval; by default a sample with all its pixels
        class_weight  (K,), or "balanced" for N / (K n_k) by the labels' own counts: a row then has the mass <q, w>
        chunk_size    samples worked on at a time; by default about a million logits
        cautious      keep T = 1 where rows left out are no more likely at a fitted one, and where every row is right
        Raises ValueError for probabilities in place of logits, for NaN, and for labels that are none.
        """
        found, label = _checked_pair(logits, labels, ignore_index)
        weight = _class_weight(class_weight, [(found, label)], found.shape[-1])
        start = _rough_start(found, label, weight)
        return self._search(
            _Blocks([(found, label)], chunk_size), weight, start, _checked_group(group, found), cautious
        )

    def fit_chunks(
        self,
        chunks: Iterable[tuple[Any, Any]],
        *,
        class_weight: ClassWeight = None,
        ignore_index: int = -100,
        cautious: bool = False,
    ) -> TemperatureScaling:
        """Find T on (logits, labels) pairs that never are in memory together, read once for each of a few passes.

        `chunks` must start anew each time it is iterated (a list, a DataLoader); a generator raises TypeError.
        """
        if isinstance(chunks, Iterator):
            raise TypeError("chunks can be read only once, and several passes are needed: give a list or a DataLoader")
        checked = _CheckedChunks(chunks, ignore_index)
        num_classes = next((found.shape[-1] for found, _ in checked), 1)
        return self._search(
            _Blocks(checked, None), _class_weight(class_weight, checked, num_classes), 0.0, None, cautious
        )

    @torch.no_grad()
    def _search(
        self, blocks: Iterable[Block], weight: Tensor | None, start: float, group: Tensor | None, cautious: bool
    ) -> TemperatureScaling:
        first = slope_at(math.exp(start), blocks, weight)
        if not math.isfinite(first.first + first.loss):
            raise ValueError(_first_bad_row(blocks))
        self.flag = "no rows" if first.mass == 0 else "constant logits" if _constant(first, blocks) else None
        if self.flag is not None:
            self.temperature, self.interval, self.gain, self.evaluations = 1.0, (math.nan, math.nan), math.nan, 1
            return self
        known = {math.exp(start): first}  # the search begins where it has just been
        theta, slope, self.evaluations = minimise(
            lambda beta: known.get(beta) or slope_at(beta, blocks, weight), *BRACKET, start
        )
        if theta in BRACKET:
            at_most = theta == BRACKET[0]
            self.temperature, self.flag = (HIGHEST, "upper bound") if at_most else (LOWEST, "lower bound")
            self.interval = (math.nan, math.nan)
        else:
            self.temperature = math.exp(-theta)
            self.interval = _interval(
                self.temperature, slope, group_slopes(torch.tensor([math.exp(theta)]), blocks, weight, group)
            )
        self._judge(theta, blocks, weight, group, cautious)
        return self

    def _judge(
        self, theta: float, blocks: Iterable[Block], weight: Tensor | None, group: Tensor | None, cautious: bool
    ) -> None:
        """Say what T rests on, and keep it at 1 where that was asked for."""
        self.gain = left_out_gain(theta, blocks, weight, group, BRACKET)
        if cautious and self.flag == "lower bound":
            self.temperature, self.flag = 1.0, "every row right: kept at 1"
        elif not self.gain > 0:
            self.flag = self.flag or "no gain on rows left out"
            if cautious:
                self.temperature, self.interval = 1.0, (math.nan, math.nan)
        elif self.bounded and self.interval[1] > WIDEST * self.interval[0]:
            self.flag = "too few rows"


class _Blocks:
    """The blocks of several chunks, as often as they are asked for."""

    def __init__(self, chunks: Iterable[Block], chunk_size: int | None) -> None:
        self.chunks = chunks
        self.chunk_size = chunk_size

    def __iter__(self) -> Iterator[Block]:
        for logits, label in self.chunks:
            yield from blocks_of(logits, label, self.chunk_size)


class _CheckedChunks:
    """A user's chunks, checked in every pass."""

    def __init__(self, chunks: Iterable[tuple[Any, Any]], ignore_index: int) -> None:
        self.chunks = chunks
        self.ignore_index = ignore_index

    def __iter__(self) -> Iterator[Block]:
        for logits, labels in self.chunks:
            yield _checked_pair(logits, labels, self.ignore_index)


def _checked_pair(logits: Any, labels: Any, ignore_index: int) -> Block:
    predictions = as_predictions(logits, "logits")
    label = as_distribution(as_labels(labels, predictions), predictions.shape[1], ignore_index, validate=True)
    found = predictions.movedim(1, -1)
    _refuse_probabilities(found)
    return found, label


def _refuse_probabilities(logits: Tensor) -> None:
    head = logits[:256].double()
    if head.numel() and bool((head >= 0).all()) and bool(((head.sum(-1) - 1).abs() < 1e-4).all()):
        raise ValueError("logits are probabilities (every row sums to 1); give logits, or the probabilities' logarithm")


def _class_weight(weight: ClassWeight, chunks: Iterable[Block], num_classes: int) -> Tensor | None:
    if weight is None:
        return None
    if isinstance(weight, str):
        if weight != "balanced":
            raise ValueError(f"class_weight is {weight!r}, expected one number per class or 'balanced'")
        counts = sum((_class_mass(label, num_classes) for _, label in chunks), torch.zeros(num_classes))
        return torch.where(counts > 0, counts.sum() / (num_classes * counts), 0.0).float()
    weight = torch.as_tensor(weight).float()
    if weight.shape != (num_classes,) or not bool((weight >= 0).all() and weight.isfinite().all()):
        raise ValueError(f"class_weight has shape {tuple(weight.shape)}, expected {num_classes} numbers from 0")
    return weight


def _class_mass(label: LabelDistribution, num_classes: int) -> Tensor:
    mass = torch.zeros(num_classes, dtype=torch.float64)
    for start in range(0, len(label), ENOUGH_TO_START):
        part = label.select(slice(start, start + ENOUGH_TO_START)).dense()
        mass += part.reshape(-1, num_classes).sum(0, dtype=torch.float64).cpu()
    return mass


@torch.no_grad()
def _rough_start(logits: Tensor, label: LabelDistribution, weight: Tensor | None) -> float:
    """log beta fitted on every n-th row, which saves two or three passes over all of them."""
    step = len(logits) // ENOUGH_TO_START
    if step < 4:
        return 0.0
    some = slice(0, None, step)
    blocks = list(blocks_of(logits[some], label.select(some)))
    slope = slope_at(1.0, blocks, weight)
    if not (math.isfinite(slope.first) and slope.second > 0):
        return 0.0
    theta, _, _ = minimise(lambda beta: slope_at(beta, blocks, weight), *BRACKET, start=0.0)
    return theta


def _constant(slope: Slope, blocks: Iterable[Block]) -> bool:
    if slope.second > 0:
        return False
    return all(bool(((logits == logits[..., :1]).all(-1) | (label.mass == 0)).all()) for logits, label in blocks)


def _interval(temperature: float, slope: Slope, of_groups: Tensor) -> tuple[float, float]:
    """95 % interval of T from the sandwich variance in log T (White 1982), which holds though the model is inexact.

    Groups of rows count as one (Liang and Zeger 1986). From fewer than FEWEST nothing is known but the range.
    """
    of_groups = of_groups[:, 0]
    groups = int((of_groups[:, 0] > 0).sum())
    if groups < FEWEST or slope.second <= 0:
        return LOWEST, HIGHEST
    # d theta = first / (beta second) in units of beta = 1 / T; small-sample factor n / (n - 1).
    squares = float(of_groups[:, 2].square().sum())
    variance = squares * groups / (groups - 1) * temperature**2 / slope.second**2
    spread = min(NORMAL_975 * math.sqrt(variance), math.log(HIGHEST / LOWEST))
    return max(temperature / math.exp(spread), LOWEST), min(temperature * math.exp(spread), HIGHEST)


def _checked_group(group: Tensor | None, logits: Tensor) -> Tensor | None:
    if group is None:
        return None
    group = torch.as_tensor(group).cpu()
    if group.is_floating_point() or group.shape != logits.shape[:1] or bool((group < 0).any()):
        expected = f"({len(logits)},), whole numbers from 0"
        raise ValueError(f"group has shape {tuple(group.shape)} of {group.dtype}, expected {expected}")
    _, places = torch.unique(group, return_inverse=True)
    return torch.as_tensor(places)


def _first_bad_row(blocks: Iterable[Block]) -> str:
    row = 0
    for logits, label in blocks:
        value = label.inner(logits)
        bad = (logits.isnan() | (logits == math.inf)).any(-1) | ~value.isfinite()
        bad = bad & (label.mass > 0)
        if bool(bad.any()):
            place = bad.nonzero()[0].tolist()
            place[0] += row
            return f"logits, row {', '.join(map(str, place))}: NaN, +inf, or -inf for a class that the label names"
        row += len(logits)
    return "logits are too large for a likelihood"
