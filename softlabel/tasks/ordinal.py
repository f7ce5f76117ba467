"""Ordinal: one number per sample is true, such as an age, and labels are values on an axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from softlabel.data.annotation import VALUE
from softlabel.errors import ConfigError
from softlabel.labels import LabelDistribution, gaussian, hard
from softlabel.metrics.crps import ContinuousRankedProbabilityScore
from softlabel.metrics.decoding import Decoding, central_interval, decode
from softlabel.metrics.error_by_value import ErrorByValue
from softlabel.metrics.interval_coverage import CoverageError, IntervalWidth
from softlabel.metrics.ordinal import CumulativeScore, EpsilonError, MeanAbsoluteError, NearestLabelLikelihood
from softlabel.metrics.truth import nearest_label
from softlabel.statistic import Statistic
from softlabel.tasks.config import AxisConfig
from softlabel.tasks.evaluator import Evaluator, Groups
from softlabel.tasks.grid import grid_names, parse_grid, quantile_strata, spanned_grid
from softlabel.tasks.shares import pooled_shares
from softlabel.tasks.task import Task

LEVEL = 0.8
STRATA = 10
MOST_SHARES = 100
"""Of a distribution that is drawn along the axis; labels of a finer axis are pooled."""


class Ordinal(Task):
    """The annotation is (N, 2) float: the value, and the annotators' spread or NaN; K values of a grid are predicted.

    The default label is all of the value nearest on the grid.
    """

    name = "ordinal"
    annotation_kind = VALUE
    spreads = True
    selects_calibrated = False
    answer_fields: ClassVar[Mapping[str, type]] = dict.fromkeys(("value", "low", "high"), float)

    grid: Tensor

    def __init__(self, grid: Tensor, axis: AxisConfig) -> None:
        if axis.decoding == "marginal":
            raise ConfigError("axis.decoding: 'marginal' is for two values a row, and the task ordinal has one")
        super().__init__(grid_names(grid))
        self.grid = grid
        self.axis = axis
        self.decoding: Decoding = axis.decoding

    @classmethod
    def for_source(cls, class_names: Sequence[str], annotation: Tensor, axis: AxisConfig) -> Ordinal:
        if len(axis.grid) > 1:
            raise ConfigError(f"axis.grid: the task ordinal has one axis, but {len(axis.grid)} grids are given")
        grid = parse_grid(axis.grid[0]) if axis.grid else spanned_grid(annotation[:, 0])
        return cls(grid, axis)

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Ordinal:
        return cls(torch.tensor(saved["grid"]), AxisConfig.model_validate(saved["axis"]))

    def to_json(self) -> dict[str, Any]:
        return {**super().to_json(), "grid": self.grid.tolist(), "axis": self.axis.model_dump()}

    def label(self, annotation: Tensor) -> LabelDistribution:
        return hard(self.index(annotation), self.num_classes, validate=False)

    def spread_label(self, annotation: Tensor, sigma: float | None) -> LabelDistribution:
        value, own = annotation.unbind(-1)
        grid = self.grid.to(annotation.device)
        if sigma is None:
            step = float(self.grid.diff().mean())
            return gaussian(value, grid, torch.where(own.isnan(), 2 * step, own), validate=False)
        return gaussian(value, grid, sigma, validate=False)

    def index(self, annotation: Tensor) -> Tensor:
        return nearest_label(annotation[:, 0].contiguous(), self.grid.to(annotation.device))

    def truth(self, annotation: Tensor) -> Tensor:
        return self.index(annotation)

    def class_counts(self, annotation: Tensor) -> Tensor:
        return torch.bincount(self.index(annotation), minlength=self.num_classes).double()

    def stratify(self, annotation: Tensor) -> np.ndarray[Any, Any]:
        """Tenths of the values: equal values are never torn apart."""
        return quantile_strata(annotation[:, 0], STRATA)

    def statistics(self, class_counts: Tensor, groups: Groups) -> tuple[Statistic, ...]:
        other: Decoding = "argmax" if self.decoding == "expectation" else "expectation"
        unit = self.axis.unit
        return (
            MeanAbsoluteError(self.grid, self.decoding, unit),
            MeanAbsoluteError(self.grid, other, unit),
            CumulativeScore(self.grid, self.axis.tolerance, self.decoding),
            EpsilonError(self.grid, self.decoding),
            NearestLabelLikelihood(self.grid),
            ContinuousRankedProbabilityScore(self.grid, unit),
            CoverageError(self.grid, LEVEL),
            IntervalWidth(self.grid, LEVEL, unit),
        )

    def evaluator(self, class_counts: Tensor, groups: Groups, *, keep_rows: bool = False) -> ValueEvaluator:
        return ValueEvaluator(
            self.statistics(class_counts, groups), self.grid, self.decoding, class_counts, keep_rows=keep_rows
        )

    def selection_score(self) -> str:
        return MeanAbsoluteError(self.grid, self.decoding).name

    @property
    def printed(self) -> str:
        if self.decoding == "expectation":
            return "print(format(p @ numpy.array(said['class_names'], float), '.4g'))"
        return 'print(said["class_names"][p.argmax()])'

    def answer(self, probabilities: Tensor) -> list[dict[str, Any]]:
        """The value, the central 80 % interval and the whole distribution."""
        log_probabilities = probabilities.log()
        values = decode(log_probabilities, self.grid.double(), self.decoding)
        low, high = central_interval(log_probabilities, self.grid.double(), LEVEL)
        return [
            {
                "value": value,
                "low": lowest,
                "high": highest,
                "distribution": dict(zip(self.class_names, row, strict=True)),
            }
            for value, lowest, highest, row in zip(
                values.tolist(), low.tolist(), high.tolist(), probabilities.tolist(), strict=True
            )
        ]

    def tell(self, answer: Mapping[str, Any]) -> list[str]:
        """Such as '27.4 years, 80 % between 24 and 31'."""
        number = f"{answer['value']:.1f} {self.axis.unit}".rstrip()
        return [f"{number}, {LEVEL:.0%} between {answer['low']:g} and {answer['high']:g}".replace("%", " %")]

    def describe(self, annotation: Tensor) -> list[str]:
        return [f"{value:g} {self.axis.unit}".rstrip() for value in annotation[:, 0].tolist()]

    def describe_axes(self) -> str:
        """Such as 'axis from 0 to 100 years, 101 labels'."""
        low, high, unit = self.class_names[0], self.class_names[-1], self.axis.unit
        return f"axis from {low} to {high}{' ' if unit else ''}{unit}, {self.num_classes} labels"

    def along_axes(
        self, annotation: Tensor, probabilities: Tensor, label: LabelDistribution | None
    ) -> list[dict[str, Any]]:
        """Each row's truth and answer, its distribution as short text (see `pooled_shares`), and so its label."""
        pooled, shares = pooled_shares(probabilities, MOST_SHARES)
        labels: list[dict[str, str]] = [{}] * len(shares)
        if label is not None:
            labels = [{"label": row} for row in pooled_shares(label.dense(), MOST_SHARES)[1]]
        return [
            {
                "axis": {
                    "truth": float(value),
                    "shares": row,
                    **trained_on,
                    "pooled": pooled,
                    **{name: answer[name] for name in self.answer_fields},
                    "said": ", ".join(self.tell(answer)),
                }
            }
            for value, row, trained_on, answer in zip(
                annotation[:, 0], shares, labels, self.answer(probabilities), strict=True
            )
        ]


class ValueEvaluator(Evaluator):
    """Adds up batches of logits over a grid (N, K) and annotations (N, 2) of value and sigma."""

    def __init__(
        self,
        statistics: Sequence[Statistic],
        grid: Tensor,
        decoding: Decoding,
        class_counts: Tensor,
        *,
        keep_rows: bool = False,
    ) -> None:
        self._class_counts = class_counts
        super().__init__(statistics, [ErrorByValue(grid, decoding)], lambda annotation: annotation, keep_rows=keep_rows)

    def details(self) -> dict[str, Any]:
        """Rows and errors for every value that occurs, as JSON."""
        sums = self._tally(ErrorByValue)
        return {
            "by_value": [
                {
                    "value": row.value,
                    "training_count": float(self._class_counts[index]),
                    "test_count": row.count,
                    "error": row.mean_error,
                    "absolute_error": row.mean_absolute_error,
                }
                for index, row in _indexed(sums)
            ]
        }


def _indexed(sums: Any) -> list[tuple[int, Any]]:
    places = {value: index for index, value in enumerate(sums.tally.grid.tolist())}
    return [(places[row.value], row) for row in sums.tally.table(sums.sums)]
