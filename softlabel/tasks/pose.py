"""Pose: two angles per sample are true, such as the pitch and yaw of a head, and labels are cells of a grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from softlabel.data.annotation import VALUES
from softlabel.errors import ConfigError
from softlabel.labels import LabelDistribution, gaussian_grid, hard
from softlabel.metrics.decoding import central_interval
from softlabel.metrics.error_by_cell import ErrorByCell
from softlabel.metrics.pose import PoseDecoding, PoseError, PoseGrid, pose_scores
from softlabel.statistic import Statistic
from softlabel.tasks.config import AxisConfig
from softlabel.tasks.evaluator import Evaluator, Groups
from softlabel.tasks.grid import MOST_LABELS, parse_grid, quantile_strata, spanned_grid
from softlabel.tasks.shares import pooled_shares
from softlabel.tasks.task import Task

ANGLES = ("pitch", "yaw")
LEVEL = 0.8
STRATA = 4
MOST_SIDE = 15
"""Shares of each angle of a distribution that is drawn; cells of a finer grid are pooled."""
_DECODINGS: dict[str, PoseDecoding] = {"expectation": "expectation", "argmax": "joint", "marginal": "marginal"}


class Pose(Task):
    """The annotation is (N, 2) float: pitch and yaw; the A * B cells of a grid are predicted, yaw running fastest.

    The default label is all of the nearest cell. The yaw of a mirrored image is the negative one, so images are
    mirrored only where the grid of yaw is symmetric about 0.
    """

    name = "pose"
    annotation_kind = VALUES
    spreads = True
    selects_calibrated = False
    answer_fields: ClassVar[Mapping[str, type]] = {
        angle + end: float for angle in ANGLES for end in ("", "_low", "_high")
    }

    def __init__(self, pitch: Tensor, yaw: Tensor, axis: AxisConfig) -> None:
        super().__init__([f"pitch {a:g} yaw {b:g}" for a in pitch.tolist() for b in yaw.tolist()])
        self.grids = (pitch, yaw)
        self.cells = PoseGrid(pitch, yaw)
        self.axis = axis
        self.decoding = _DECODINGS[axis.decoding]
        self.steps = [float(grid.diff().mean()) for grid in self.grids]
        self.mirrors = float((yaw + yaw.flip(0)).abs().max()) <= self.steps[1] / 2

    @classmethod
    def for_source(cls, class_names: Sequence[str], annotation: Tensor, axis: AxisConfig) -> Pose:
        _check_order(class_names)
        if axis.tolerance != AxisConfig().tolerance:
            raise ConfigError("axis.tolerance: the task pose has no cumulative score that would read it")
        if len(axis.grid) not in (0, 2):
            raise ConfigError(
                "axis.grid: the task pose has two grids, of pitch and of yaw, such as -90:90:15,-90:90:15, "
                f"not {len(axis.grid)}"
            )
        pitch, yaw = (
            parse_grid(axis.grid[place]) if axis.grid else spanned_grid(annotation[:, place], angle)
            for place, angle in enumerate(ANGLES)
        )
        if len(pitch) * len(yaw) > MOST_LABELS:
            raise ConfigError(
                f"axis.grid: {len(pitch)} values of pitch and {len(yaw)} of yaw make {len(pitch) * len(yaw):,} cells, "
                f"at most {MOST_LABELS:,} are allowed; set a coarser one, such as -90:90:15,-90:90:15"
            )
        return cls(pitch, yaw, axis)

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Pose:
        pitch, yaw = map(torch.tensor, saved["grids"])
        return cls(pitch, yaw, AxisConfig.model_validate(saved["axis"]))

    def to_json(self) -> dict[str, Any]:
        grids = [grid.tolist() for grid in self.grids]
        return {**super().to_json(), "grids": grids, "axis": self.axis.model_dump()}

    def label(self, annotation: Tensor) -> LabelDistribution:
        return hard(self.index(annotation), self.num_classes, validate=False)

    def spread_label(self, annotation: Tensor, sigma: float | None) -> LabelDistribution:
        """A Gaussian of `sigma` in both angles; None: one step of each grid, as published (Pointing'04: 15 degrees)."""
        grids = [grid.to(annotation.device) for grid in self.grids]
        return gaussian_grid(annotation, grids, self.steps if sigma is None else sigma, validate=False)

    def mirror(self, annotation: Tensor, mirrored: Tensor) -> Tensor:
        pitch, yaw = annotation.unbind(-1)
        return torch.stack([pitch, torch.where(mirrored, -yaw, yaw)], -1)

    def index(self, annotation: Tensor) -> Tensor:
        return self.cells.cell(annotation)

    def truth(self, annotation: Tensor) -> Tensor:
        return self.index(annotation)

    def class_counts(self, annotation: Tensor) -> Tensor:
        return torch.bincount(self.index(annotation), minlength=self.num_classes).double()

    def stratify(self, annotation: Tensor) -> np.ndarray[Any, Any]:
        """Quarters of pitch times quarters of yaw."""
        pitch, yaw = (quantile_strata(angle, STRATA) for angle in annotation.unbind(-1))
        return pitch * STRATA + yaw

    def statistics(self, class_counts: Tensor, groups: Groups) -> tuple[Statistic, ...]:
        return tuple(pose_scores(self.cells, self.decoding, self.axis.unit))

    def evaluator(self, class_counts: Tensor, groups: Groups, *, keep_rows: bool = False) -> PoseEvaluator:
        statistics = self.statistics(class_counts, groups)
        return PoseEvaluator(statistics, self.cells, self.decoding, class_counts, keep_rows=keep_rows)

    def selection_score(self) -> str:
        return PoseError(self.cells, "both", self.decoding).name

    def answer(self, probabilities: Tensor) -> list[dict[str, Any]]:
        """Of either angle the value and the central 80 % interval, and the distribution over cells."""
        angles = self.cells.decode(probabilities.log(), self.decoding)
        table = probabilities.double().view(-1, *map(len, self.grids))
        columns = []
        for place, other in ((0, -1), (1, -2)):
            low, high = central_interval(table.sum(other).log(), self.grids[place].double(), LEVEL)
            columns += [angles[:, place], low, high]
        return [
            {
                **dict(zip(self.answer_fields, row, strict=True)),
                "distribution": dict(zip(self.class_names, shares, strict=True)),
            }
            for row, shares in zip(torch.stack(columns, -1).tolist(), probabilities.tolist(), strict=True)
        ]

    def tell(self, answer: Mapping[str, Any]) -> list[str]:
        """Such as 'pitch -14.2 [-30, 0]', the same of yaw, and last, as it may be cut, 'degrees, 80 % intervals'."""
        angles = []
        for angle in ANGLES:
            low, high = answer[f"{angle}_low"], answer[f"{angle}_high"]
            angles.append(f"{angle} {answer[angle]:.1f} [{low:g}, {high:g}]")
        return [*angles, ", ".join(filter(None, [self.axis.unit, f"{100 * LEVEL:g} % intervals"]))]

    def describe(self, annotation: Tensor) -> list[str]:
        return [f"pitch {pitch:g}, yaw {yaw:g} {self.axis.unit}".rstrip() for pitch, yaw in annotation.tolist()]

    def describe_axes(self) -> str:
        """Such as 'pitch from -90 to 90 and yaw from -90 to 90 degrees, 169 cells'."""
        spans = [f"{name} from {grid[0]:g} to {grid[-1]:g}" for name, grid in zip(ANGLES, self.grids, strict=True)]
        return f"{' and '.join(spans)} {self.axis.unit}".rstrip() + f", {self.num_classes} cells"

    def along_axes(
        self, annotation: Tensor, probabilities: Tensor, label: LabelDistribution | None
    ) -> list[dict[str, Any]]:
        """Each row's true angles and answer, and its distribution as short text (see `pooled_shares`)."""
        pooled, shares = pooled_shares(probabilities.view(-1, *map(len, self.grids)), MOST_SIDE)
        return [
            {
                "grid": {
                    "true_pitch": pitch,
                    "true_yaw": yaw,
                    "shares": row,
                    "pooled": pooled,
                    **{name: answer[name] for name in self.answer_fields},
                    "said": ", ".join(self.tell(answer)),
                }
            }
            for (pitch, yaw), row, answer in zip(annotation.tolist(), shares, self.answer(probabilities), strict=True)
        ]


class PoseEvaluator(Evaluator):
    """Adds up batches of logits over cells (N, A * B) and annotations (N, 2) of pitch and yaw."""

    def __init__(
        self,
        statistics: Sequence[Statistic],
        grid: PoseGrid,
        decoding: PoseDecoding,
        class_counts: Tensor,
        *,
        keep_rows: bool = False,
    ) -> None:
        self._class_counts = class_counts
        super().__init__(statistics, [ErrorByCell(grid, decoding)], lambda annotation: annotation, keep_rows=keep_rows)

    def details(self) -> dict[str, Any]:
        """Rows and errors of every cell that test rows have, as JSON."""
        sums = self._tally(ErrorByCell)
        return {
            "by_cell": [
                {
                    "pitch": row.pitch,
                    "yaw": row.yaw,
                    "training_count": float(self._class_counts[row.cell]),
                    "test_count": row.count,
                    "pitch_error": row.pitch_error,
                    "yaw_error": row.yaw_error,
                    "absolute_error": row.error,
                }
                for row in sums.tally.table(sums.sums)
            ]
        }


def _check_order(names: Sequence[str]) -> None:
    """Raises ConfigError where the names of the two columns say that yaw comes first: it would be mirrored as pitch."""
    first, second = (name.lower() for name in names)
    if "yaw" in first or "pitch" in second:
        raise ConfigError(f"value_columns: pitch comes first and yaw second, not {names[0]!r} and {names[1]!r}")
