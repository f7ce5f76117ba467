"""Error of two predicted angles by the true ones: where on the grid of cells a model is good."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from softlabel.metrics.pose import PoseDecoding, PoseGrid
from softlabel.statistic import Contribution, Tally


@dataclass(frozen=True)
class CellRow:
    """The rows whose nearest cell is `cell`: their number, and the mean absolute errors of pitch, yaw and both."""

    cell: int
    pitch: float
    yaw: float
    count: int
    pitch_error: float
    yaw_error: float
    error: float


class ErrorByCell(Tally):
    """Sums of errors in each cell of the grid; truth (N, 2) of pitch and yaw, of both angles the Euclidean length.

    Source: the errors of Gao et al., IEEE TIP 2017, section 4.2, a cell each.

    >>> import torch
    >>> from softlabel.metrics.error_by_cell import ErrorByCell
    >>> from softlabel.metrics.pose import PoseGrid
    >>> from softlabel.statistic import StreamingTally
    >>> tally = StreamingTally(ErrorByCell(PoseGrid(torch.tensor([0.0, 30.0]), torch.tensor([0.0, 40.0])), "joint"))
    >>> tally.update(torch.tensor([[0.6, 0.4, 0.0, 0.0]]).log(), torch.tensor([[30.0, 40.0]]))
    >>> tally.tally.table(tally.sums)
    [CellRow(cell=3, pitch=30.0, yaw=40.0, count=1, pitch_error=30.0, yaw_error=40.0, error=50.0)]
    """

    width = 4

    def __init__(self, grid: PoseGrid, decoding: PoseDecoding) -> None:
        self.grid = grid
        self.decoding: PoseDecoding = decoding
        self.num_cells = len(grid.pitch) * len(grid.yaw)

    def contribute(self, log_probabilities: Tensor, truth: Tensor) -> Contribution:
        counted = ~truth.isnan().any(-1, keepdim=True)
        error = (self.grid.decode(log_probabilities, self.decoding) - truth.double()).abs()
        both = error.square().sum(-1, keepdim=True).sqrt()
        values = torch.where(counted, torch.cat([error, both, torch.ones_like(both)], -1), 0.0)
        return Contribution(self.grid.cell(truth.nan_to_num(0.0)), values)

    def table(self, sums: Tensor) -> list[CellRow]:
        """The cells that rows have, from sums (cells, 4)."""
        cells = sums[:, -1].nonzero()[:, 0]
        angles = self.grid.angles(cells).tolist()
        return [
            CellRow(cell, pitch, yaw, round(count), *(total / count for total in totals))
            for cell, (pitch, yaw), (*totals, count) in zip(cells.tolist(), angles, sums[cells].tolist(), strict=True)
        ]
