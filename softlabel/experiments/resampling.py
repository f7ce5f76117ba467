"""What scores would have been on other test rows: the bootstrap over rows, drawn alike for all methods and seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from softlabel.errors import RunError
from softlabel.metrics.ranking import RankingStatistic, value_once
from softlabel.statistic import Contribution, Statistic, total

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Rows = Mapping[str, Contribution]

MOST_ROWS = 20_000
BLOCK_NUMBERS, MOST_COLUMNS = 1_000_000, 125


@dataclass(frozen=True)
class Replicates:
    """One score of several runs.

    estimate    (runs,) on the test rows as they are
    replicates  (runs, resamples) on test rows drawn again, the same draw for every run
    """

    estimate: Array
    replicates: Array


def resample_rows(
    statistics: Sequence[Statistic], runs: Sequence[Rows], resamples: int, seed: int
) -> dict[str, Replicates]:
    """The scores of every run, as they are and on `resamples` draws of rows with replacement.

    Beyond 20,000 rows the draws are made from a fixed choice of 20,000, and their deviations scaled by the root of
    the share: the spread shrinks with the root of the rows, and time and memory stay bounded.
    Raises RunError when the runs do not have the same number of rows.
    """
    num_rows = _common_rows(statistics, runs)
    generator = np.random.default_rng(seed)
    used = min(num_rows, MOST_ROWS)
    chosen = slice(None) if used == num_rows else np.sort(generator.choice(num_rows, used, replace=False))
    rankings = [statistic for statistic in statistics if isinstance(statistic, RankingStatistic)]
    of_sums = [statistic for statistic in statistics if not isinstance(statistic, RankingStatistic)]
    same = _with_equal_sums(of_sums, runs)
    summers = {
        name: _summer(statistic, [run[name] for run in runs], chosen)
        for statistic in of_sums
        if same[name := statistic.name] == name
    }
    values: dict[str, list[Array]] = {statistic.name: [] for statistic in statistics}
    for weights in _draws(used, resamples, generator):
        sums = {name: torch.from_numpy(summer(weights)) for name, summer in summers.items()}
        for statistic in of_sums:
            values[statistic.name].append(statistic.value(sums[same[statistic.name]]).numpy())
        for ranking in rankings:
            values[ranking.name].append(_ranked(ranking, runs, chosen, weights))
    return {
        statistic.name: Replicates(
            np.array([estimated(statistic, run[statistic.name]) for run in runs]),
            _scaled(np.concatenate(values[statistic.name], axis=1), np.sqrt(used / num_rows)),
        )
        for statistic in statistics
    }


def estimated(statistic: Statistic, rows: Contribution) -> float:
    """The score on the test rows as they are."""
    if isinstance(statistic, RankingStatistic):
        return float(value_once(statistic, rows.values))
    return float(statistic.value(total(statistic, rows)))


def _ranked(statistic: RankingStatistic, runs: Sequence[Rows], chosen: slice | Index, weights: Array) -> Array:
    """The scores (runs, draws) of rows counted `weights` (rows, draws) times."""
    counts = torch.from_numpy(weights)
    return np.stack([statistic.value_of_rows(run[statistic.name].values[chosen], counts).numpy() for run in runs])


def _common_rows(statistics: Sequence[Statistic], runs: Sequence[Rows]) -> int:
    lengths = {len(run[statistic.name].cell) for run in runs for statistic in statistics}
    if len(lengths) != 1:
        raise RunError(f"runs to be compared have {sorted(lengths)} test rows; all must be tested on the same rows")
    return lengths.pop()


def _with_equal_sums(statistics: Sequence[Statistic], runs: Sequence[Rows]) -> dict[str, str]:
    """For each score the first one whose rows contribute the same, such as the ECE for the debiased ECE."""
    first: dict[str, str] = {}
    for statistic in statistics:
        shape = (statistic.num_cells, statistic.width)
        first[statistic.name] = next(
            other.name
            for other in statistics
            if (other.num_cells, other.width) == shape
            and all(_equal(run[statistic.name], run[other.name]) for run in runs)
        )
    return first


def _equal(one: Contribution, other: Contribution) -> bool:
    return torch.equal(one.cell, other.cell) and torch.equal(one.values, other.values)


class _Summer(Protocol):
    """Weights of the rows (rows, draws) -> sums (runs, draws, num_cells, width)."""

    def __call__(self, weights: Array) -> Array: ...


def _summer(statistic: Statistic, contributions: Sequence[Contribution], chosen: slice | Index) -> _Summer:
    cells = [contribution.cell.numpy()[chosen] for contribution in contributions]
    values = [contribution.values.numpy()[chosen] for contribution in contributions]
    if cells[0].ndim == 1 and all(np.array_equal(cells[0], cell) for cell in cells):
        return _CommonCells(statistic, cells[0], values)
    return _OwnCells(statistic, cells, values)


class _CommonCells:
    """Sums where a row adds to the same cell in every run, such as that of its true class: dense products."""

    def __init__(self, statistic: Statistic, cell: Index, values: Sequence[Array]) -> None:
        self.shape = (len(values), statistic.num_cells, statistic.width)
        stacked = np.concatenate([one.T for one in values])
        self.parts = [(k, rows, stacked[:, rows]) for k in np.unique(cell) for rows in [np.flatnonzero(cell == k)]]

    def __call__(self, weights: Array) -> Array:
        runs, num_cells, width = self.shape
        sums = np.zeros((runs, weights.shape[1], num_cells, width))
        for k, rows, values in self.parts:
            drawn = weights if len(rows) == len(weights) else weights[rows]
            sums[:, :, k] = (values @ drawn).reshape(runs, width, -1).transpose(0, 2, 1)
        return sums


class _OwnCells:
    """Sums where each run puts a row in a cell of its own, such as that of its confidence: sparse products."""

    def __init__(self, statistic: Statistic, cells: Sequence[Index], values: Sequence[Array]) -> None:
        self.shape = (statistic.num_cells, statistic.width)
        self.matrices = [self._matrix(*pair) for pair in zip(cells, values, strict=True)]

    def __call__(self, weights: Array) -> Array:
        sums = [np.ascontiguousarray((matrix @ weights).T).reshape(-1, *self.shape) for matrix in self.matrices]
        return np.stack(sums)

    def _matrix(self, cell: Index, values: Array) -> sparse.csr_array:
        num_cells, width = self.shape
        target = cell[..., None] * width + np.arange(width)
        row = np.broadcast_to(np.arange(len(cell)).reshape(-1, *[1] * (values.ndim - 1)), values.shape)
        used = values != 0
        entries = sparse.coo_array((values[used], (target[used], row[used])), shape=(num_cells * width, len(cell)))
        return entries.tocsr()


def _draws(num_rows: int, resamples: int, generator: np.random.Generator) -> Iterator[Array]:
    """How often each row is drawn, (rows, some of the resamples)."""
    block = min(MOST_COLUMNS, max(1, BLOCK_NUMBERS // max(1, num_rows)))
    for start in range(0, resamples, block):
        columns = min(block, resamples - start)
        drawn = generator.integers(0, num_rows, size=(num_rows, columns)) * columns + np.arange(columns)
        counts = np.bincount(drawn.ravel(), minlength=num_rows * columns)
        yield counts.reshape(num_rows, columns).astype(np.float64)


def _scaled(replicates: Array, scale: float) -> Array:
    centre = replicates.mean(axis=1, keepdims=True)
    scaled: Array = centre + scale * (replicates - centre)
    return replicates if scale == 1.0 else scaled
