"""What scores would have been on other test rows: the bootstrap over rows, drawn alike for all methods and seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from softlabel.errors import RunError
from softlabel.metrics.statistic import Contribution, Statistic, total

Array = NDArray[np.float64]
Rows = Mapping[str, Contribution]

MOST_ROWS = 20_000
BLOCK_NUMBERS = 2_000_000


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
    chosen = None if num_rows <= MOST_ROWS else np.sort(generator.choice(num_rows, MOST_ROWS, replace=False))
    scale = 1.0 if chosen is None else np.sqrt(MOST_ROWS / num_rows)
    matrices = [_sum_matrix(statistics, run, chosen) for run in runs]
    values: dict[str, list[Array]] = {statistic.name: [] for statistic in statistics}
    for weights in _draws(min(num_rows, MOST_ROWS), resamples, generator):
        sums = [matrix @ weights for matrix in matrices]
        for statistic, part in zip(statistics, _parts(statistics), strict=True):
            values[statistic.name].append(np.stack([_evaluate(statistic, one[part]) for one in sums]))
    return {
        statistic.name: Replicates(
            _estimates(statistic, runs), _scaled(np.concatenate(values[statistic.name], axis=1), scale)
        )
        for statistic in statistics
    }


def _common_rows(statistics: Sequence[Statistic], runs: Sequence[Rows]) -> int:
    lengths = {len(run[statistic.name].cell) for run in runs for statistic in statistics}
    if len(lengths) != 1:
        raise RunError(f"runs to be compared have {sorted(lengths)} test rows; all must be tested on the same rows")
    return lengths.pop()


def _estimates(statistic: Statistic, runs: Sequence[Rows]) -> Array:
    return np.array([float(statistic.value(total(statistic, run[statistic.name]))) for run in runs])


def _sum_matrix(statistics: Sequence[Statistic], run: Rows, chosen: NDArray[np.int64] | None) -> sparse.csr_array:
    """The matrix that turns weights of rows into the sums of all statistics, one under the other."""
    return sparse.vstack(
        [_one_sum_matrix(statistic, run[statistic.name], chosen) for statistic in statistics], format="csr"
    )


def _one_sum_matrix(
    statistic: Statistic, contribution: Contribution, chosen: NDArray[np.int64] | None
) -> sparse.csr_array:
    cell, values = contribution.cell.numpy(), contribution.values.numpy()
    if chosen is not None:
        cell, values = cell[chosen], values[chosen]
    num_rows = len(cell)
    target = cell[..., None] * statistic.width + np.arange(statistic.width)
    row = np.broadcast_to(np.arange(num_rows).reshape(-1, *[1] * (values.ndim - 1)), values.shape)
    used = values != 0
    shape = (statistic.num_cells * statistic.width, num_rows)
    return sparse.coo_array((values[used], (target[used], row[used])), shape=shape).tocsr()


def _parts(statistics: Sequence[Statistic]) -> Iterator[slice]:
    start = 0
    for statistic in statistics:
        stop = start + statistic.num_cells * statistic.width
        yield slice(start, stop)
        start = stop


def _draws(num_rows: int, resamples: int, generator: np.random.Generator) -> Iterator[Array]:
    """How often each row is drawn, (rows, some of the resamples)."""
    block = max(1, BLOCK_NUMBERS // max(1, num_rows))
    for start in range(0, resamples, block):
        columns = min(block, resamples - start)
        drawn = generator.integers(0, num_rows, size=(num_rows, columns)) * columns + np.arange(columns)
        counts = np.bincount(drawn.ravel(), minlength=num_rows * columns)
        yield counts.reshape(num_rows, columns).astype(np.float64)


def _evaluate(statistic: Statistic, sums: Array) -> Array:
    """Sums (cells * width, draws) -> scores (draws,)."""
    cells = torch.from_numpy(np.ascontiguousarray(sums.T)).view(-1, statistic.num_cells, statistic.width)
    values: Array = statistic.value(cells).numpy()
    return values


def _scaled(replicates: Array, scale: float) -> Array:
    if scale == 1.0:
        return replicates
    centre = replicates.mean(axis=1, keepdims=True)
    scaled: Array = centre + scale * (replicates - centre)
    return scaled
