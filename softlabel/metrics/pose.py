"""Scores of two angles, such as pitch and yaw, predicted on a grid of cells (Gao et al. 2017, section 4.2)."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from torch import Tensor

from softlabel.metrics.row_mean import RowMean, mean_of_rows
from softlabel.metrics.truth import as_grid, in_unit, nearest_label
from softlabel.statistic import Contribution

PoseDecoding = Literal["joint", "marginal", "expectation"]
Angle = Literal["pitch", "yaw", "both"]
ANGLES: tuple[Angle, ...] = ("both", "pitch", "yaw")
DECODINGS: tuple[PoseDecoding, ...] = ("joint", "marginal", "expectation")


class PoseGrid:
    """Cells of pitch and yaw: logits (N, A * B) hold A pitches of B yaws each.

    Source: the cells of head pose in Gao et al., IEEE TIP 2017, section 3.2.2.

    >>> import torch
    >>> from softlabel.metrics.pose import PoseGrid
    >>> grid = PoseGrid(torch.tensor([0.0, 30.0]), torch.tensor([0.0, 40.0]))
    >>> grid.decode(torch.tensor([[0.6, 0.4, 0.0, 0.0]]).log(), "expectation").round()
    tensor([[ 0., 16.]], dtype=torch.float64)
    """

    def __init__(self, pitch: Tensor, yaw: Tensor) -> None:
        self.pitch = as_grid(pitch)
        self.yaw = as_grid(yaw)

    def decode(self, log_probabilities: Tensor, decoding: PoseDecoding) -> Tensor:
        """The predicted angles, float64 (N, 2), from log-probabilities (N, A * B).

        joint        those of the most probable cell
        marginal     of either angle the most probable, whatever the other one is
        expectation  the mean of either angle
        """
        pitch, yaw = self.pitch.to(log_probabilities.device), self.yaw.to(log_probabilities.device)
        if decoding == "joint":
            return self.angles(log_probabilities.argmax(-1))
        cells = log_probabilities.double().softmax(-1).view(-1, len(pitch), len(yaw))
        of_pitch, of_yaw = cells.sum(-1), cells.sum(-2)
        if decoding == "marginal":
            return torch.stack([pitch[of_pitch.argmax(-1)], yaw[of_yaw.argmax(-1)]], -1)
        return torch.stack([of_pitch @ pitch, of_yaw @ yaw], -1)

    def angles(self, cell: Tensor) -> Tensor:
        """Pitch and yaw, float64 (N, 2), of cells (N,)."""
        pitch, yaw = self.pitch.to(cell.device), self.yaw.to(cell.device)
        return torch.stack([pitch[cell // len(yaw)], yaw[cell % len(yaw)]], -1)

    def cell(self, angles: Tensor) -> Tensor:
        """The nearest cell, int64 (N,), of angles (N, 2); of two as near the one of the lower angle."""
        pitch, yaw = angles.double().unbind(-1)
        row = nearest_label(pitch.contiguous(), self.pitch.to(angles.device))
        return row * len(self.yaw) + nearest_label(yaw.contiguous(), self.yaw.to(angles.device))


class PoseError(RowMean):
    """The mean absolute error of an angle; for both the mean of the Euclidean length of the two errors.

    The length, as in the published tables: their joint errors lie between the root of the summed squares and the sum
    of the errors of the two angles. Truth (N, 2) of pitch and yaw; a row with a NaN is ignored.
    Source: Gao et al., IEEE TIP 2017, section 4.2.

    >>> import torch
    >>> from softlabel.metrics.pose import PoseError, PoseGrid
    >>> from softlabel.metrics.ranking import stream
    >>> grid = PoseGrid(torch.tensor([0.0, 30.0]), torch.tensor([0.0, 40.0]))
    >>> score = stream(PoseError(grid, "both", "joint"))
    >>> score.update(torch.tensor([[0.6, 0.4, 0.0, 0.0]]).log(), torch.tensor([[30.0, 40.0]]))
    >>> round(score.compute(), 3)  # √(30² + 40²)
    50.0
    """

    better = "lower"
    bounds: ClassVar[tuple[float, float]] = (0.0, math.inf)

    def __init__(
        self, grid: PoseGrid, angle: Angle = "both", decoding: PoseDecoding = "expectation", unit: str = ""
    ) -> None:
        self.grid, self.angle, self.decoding = grid, angle, decoding
        # Only the most probable cell is the same at every temperature.
        self.calibration = decoding != "joint"
        self.name, title = _named("mae", "MAE", angle, _OTHER_ERRORS[decoding])
        self.title = in_unit(title, unit)

    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        error = (self.grid.decode(log_probabilities, self.decoding) - truth.double()).abs()
        of_rows = error.square().sum(-1).sqrt() if self.angle == "both" else error[:, _column(self.angle)]
        return mean_of_rows(of_rows, _counted(truth))


class PoseAccuracy(RowMean):
    """The share of rows whose predicted angle, or cell, is the one nearest to the truth (see `PoseError`).

    Source: Gao et al., IEEE TIP 2017, section 4.2.

    >>> import torch
    >>> from softlabel.metrics.pose import PoseAccuracy, PoseGrid
    >>> from softlabel.metrics.ranking import stream
    >>> grid = PoseGrid(torch.tensor([0.0, 30.0]), torch.tensor([0.0, 40.0]))
    >>> score = stream(PoseAccuracy(grid, "yaw"))
    >>> score.update(torch.tensor([[0.6, 0.4, 0.0, 0.0]]).log(), torch.tensor([[30.0, 40.0]]))
    >>> round(score.compute(), 3)  # 0 for 40
    0.0
    """

    better = "higher"

    def __init__(self, grid: PoseGrid, angle: Angle = "both", decoding: Literal["joint", "marginal"] = "joint") -> None:
        self.grid, self.angle, self.decoding = grid, angle, decoding
        self.calibration = decoding != "joint"
        self.name, self.title = _named("accuracy", "accuracy", angle, "" if decoding == "joint" else decoding)

    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        right = self.grid.decode(log_probabilities, self.decoding) == self.grid.angles(self.grid.cell(truth))
        return mean_of_rows(right.all(-1) if self.angle == "both" else right[:, _column(self.angle)], _counted(truth))


class NearestCellLikelihood(RowMean):
    """The mean of -log p of the cell nearest to the true angles, in nats.

    Source: the logarithmic score of Good (1952).

    >>> import torch
    >>> from softlabel.metrics.pose import NearestCellLikelihood, PoseGrid
    >>> from softlabel.metrics.ranking import stream
    >>> grid = PoseGrid(torch.tensor([0.0, 30.0]), torch.tensor([0.0, 40.0]))
    >>> score = stream(NearestCellLikelihood(grid))
    >>> score.update(torch.tensor([[0.4, 0.3, 0.2, 0.1]]).log(), torch.tensor([[29.0, 3.0]]))
    >>> round(score.compute(), 3)  # -log 0.2, of pitch 30 and yaw 0
    1.609
    """

    name = "nll"
    title = "NLL"
    better = "lower"
    bounds: ClassVar[tuple[float, float]] = (0.0, math.inf)

    def __init__(self, grid: PoseGrid) -> None:
        self.grid = grid

    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        cell = self.grid.cell(truth)
        return mean_of_rows(-log_probabilities.gather(-1, cell[:, None])[:, 0], _counted(truth))


def pose_scores(grid: PoseGrid, decoding: PoseDecoding = "expectation", unit: str = "") -> list[RowMean]:
    """Errors of both angles, pitch and yaw, the errors of both in the other decodings, accuracies and the NLL.

    Source: Gao et al., IEEE TIP 2017, section 4.2.

    >>> import torch
    >>> from softlabel.metrics.pose import pose_scores, PoseGrid
    >>> grid = PoseGrid(torch.tensor([0.0, 30.0]), torch.tensor([0.0, 40.0]))
    >>> [score.title for score in pose_scores(grid, unit="degrees")[:3]]
    ['MAE of both in degrees', 'MAE of pitch in degrees', 'MAE of yaw in degrees']
    """
    return [
        *(PoseError(grid, angle, decoding, unit) for angle in ANGLES),
        *(PoseError(grid, "both", other, unit) for other in DECODINGS if other != decoding),
        *(PoseAccuracy(grid, angle) for angle in ANGLES),
        NearestCellLikelihood(grid),
    ]


_OTHER_ERRORS: dict[PoseDecoding, str] = {"expectation": "", "joint": "arg-max", "marginal": "marginal"}


def _named(name: str, title: str, angle: Angle, decoding: str) -> tuple[str, str]:
    """Such as 'mae_both_argmax' and 'MAE of both, arg-max'."""
    if not decoding:
        return f"{name}_{angle}", f"{title} of {angle}"
    return f"{name}_{angle}_{decoding.replace('-', '')}", f"{title} of {angle}, {decoding}"


def _column(angle: Angle) -> int:
    return 0 if angle == "pitch" else 1


def _counted(truth: Tensor) -> Tensor:
    return ~truth.isnan().any(-1)
