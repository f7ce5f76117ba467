"""Float64 NumPy twins of labels over grids, levels, mixtures and borders, one element at a time."""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def gaussian(value: Array, grid: Array, sigma: float | Array) -> Array:
    sigma = np.broadcast_to(np.reshape(sigma, np.shape(sigma) + (1,) * (value.ndim - np.ndim(sigma))), value.shape)
    rows = np.zeros((*value.shape, len(grid)))
    for place in np.ndindex(value.shape):
        densities = [-((x - value[place]) ** 2) / (2 * sigma[place] ** 2) for x in grid]
        amounts = [math.exp(d - max(densities)) for d in densities]
        rows[place] = np.array(amounts) / sum(amounts)
    return rows


def gaussian_grid(values: Array, grids: list[Array], sigmas: list[float]) -> Array:
    """By the density of each cell of the whole grid, not as a product."""
    cells = list(itertools.product(*grids))
    rows = np.zeros((*values.shape[:-1], len(cells)))
    for place in np.ndindex(values.shape[:-1]):
        far = [
            sum(((x - v) / s) ** 2 for x, v, s in zip(cell, values[place], sigmas, strict=True)) / 2 for cell in cells
        ]
        amounts = np.exp(min(far) - np.array(far))
        rows[place] = amounts / amounts.sum()
    return rows


def levels(level: NDArray[np.int64], positive: float, difficult: float, negative: float) -> Array:
    rows = np.zeros(level.shape)
    for place in np.ndindex(level.shape[:-1]):
        if level[place].max() > 0:
            amounts = [{2: positive, 1: difficult, 0: negative}[int(code)] for code in level[place]]
            rows[place] = np.array(amounts) / sum(amounts)
    return rows


def nnls(matrix: Array, wanted: Array) -> Array:
    """The best of the solutions on every set of positive weights that has none below 0."""
    best, least = np.zeros(len(wanted)), float(wanted @ wanted)
    for size in range(1, len(wanted) + 1):
        for chosen in itertools.combinations(range(len(wanted)), size):
            weights = np.zeros(len(wanted))
            weights[list(chosen)] = np.linalg.lstsq(matrix[:, chosen], wanted, rcond=None)[0]
            error = float(((matrix @ weights - wanted) ** 2).sum())
            if weights.min() >= 0 and error < least - 1e-14:
                best, least = weights, error
    return best


def gaussian_mixture(
    level: NDArray[np.int64], distance: Array, sigma: float, positive: float, difficult: float, negative: float
) -> Array:
    kernel = np.exp(-(distance**2) / (2 * sigma**2))
    rows = np.zeros(level.shape)
    for place in np.ndindex(level.shape[:-1]):
        present = [k for k, code in enumerate(level[place]) if code]
        if present:
            peaks = np.array([(positive if level[(*place, k)] == 2 else difficult) - negative for k in present])
            weights = nnls(kernel[np.ix_(present, present)], peaks)
            amounts = negative + sum(w * kernel[k] for w, k in zip(weights, present, strict=True))
            rows[place] = amounts / amounts.sum()
    return rows


def spatial(
    mask: NDArray[np.int64], num_classes: int, size: int, sigma: float, stride: int, padding: int, void: int = 255
) -> Array:
    """Masks (N, H, W), window by window."""
    count, height, width = mask.shape
    down, right = ((length + 2 * padding - size) // stride + 1 for length in (height, width))
    rows = np.zeros((count, down, right, num_classes))
    for n, i, j in np.ndindex(count, down, right):
        top, left = i * stride - padding, j * stride - padding
        for y, x in np.ndindex(size, size):
            if 0 <= top + y < height and 0 <= left + x < width and mask[n, top + y, left + x] != void:
                far = (y - size // 2) ** 2 + (x - size // 2) ** 2
                rows[n, i, j, mask[n, top + y, left + x]] += math.exp(-far / (2 * sigma**2))
        y, x = top + size // 2, left + size // 2
        inside = 0 <= y < height and 0 <= x < width and mask[n, y, x] != void
        rows[n, i, j] *= inside / max(rows[n, i, j].sum(), 1e-300)
    return rows
