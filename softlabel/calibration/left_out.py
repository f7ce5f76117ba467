"""How much a temperature gains on samples that it was not fitted to: each left out once (Stone 1974).

Up to EXACT_AT_MOST samples a temperature is fitted without each of them, on a grid of log beta that all share; of more,
leaving one out moves log beta by a Newton step, and the gain is that of Takeuchi's criterion (1976):

    L(1) - L(beta) - sum of squares / second        squares and second as in `Slope`, at the optimum

Rows that belong together (the pixels of an image, the labels of a picture) are left out together.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from softlabel.calibration.slope import BLOCK_ELEMENTS, Block, row_terms, slope_at
from softlabel.labels import LabelDistribution
from softlabel.labels.amounts import accumulation_dtype

EXACT_AT_MOST = 256
GRID = 129


def group_slopes(betas: Tensor, blocks: Iterable[Block], class_weight: Tensor | None, group: Tensor | None) -> Tensor:
    """Mass, m NLL and its first derivative in beta of each group at each of some betas (B,): (groups, B, 3) float64.

    group   (N,) the group of each sample, from 0; None: each sample, with all its pixels, is one
    """
    of_samples = torch.cat([_of_samples(betas, logits, label, class_weight) for logits, label in blocks])
    if group is None:
        return of_samples
    return of_samples.new_zeros(int(group.max()) + 1, *of_samples.shape[1:]).index_add_(0, group, of_samples)


def _of_samples(betas: Tensor, logits: Tensor, label: LabelDistribution, class_weight: Tensor | None) -> Tensor:
    at_once = max(1, BLOCK_ELEMENTS // max(1, logits.numel()))
    parts = []
    for some in torch.split(betas, at_once):
        beta = some.to(logits.device, accumulation_dtype(logits.dtype)).reshape(-1, *[1] * (logits.ndim - 1))
        mass, loss, score, _ = row_terms(beta, logits, label, class_weight)
        terms = torch.stack([mass.expand_as(loss), mass * loss, mass * score], -1)  # (B, n, ..., 3)
        parts.append(terms.flatten(2, -2).sum(2) if terms.ndim > 3 else terms)
    return torch.cat(parts).movedim(0, 1).cpu()


def left_out_gain(
    theta: float,
    blocks: Iterable[Block],
    class_weight: Tensor | None,
    group: Tensor | None,
    bracket: tuple[float, float],
) -> float:
    """Mean log-likelihood, in nats, of groups left out at temperatures fitted without them, less that at T = 1.

    NaN of a single group, without which nothing is left.

    theta     log beta fitted to all of them
    bracket   of log beta, symmetric about 0
    """
    at_best = group_slopes(torch.tensor([math.exp(theta)]), blocks, class_weight, group)[:, 0]
    counted = at_best[:, 0] > 0
    mass = float(at_best[:, 0].sum())
    if int(counted.sum()) < 2:
        return math.nan
    if int(counted.sum()) <= EXACT_AT_MOST:
        grid = torch.linspace(*bracket, GRID, dtype=torch.float64)
        table = group_slopes(grid.exp(), blocks, class_weight, group)[counted]
        best, at_one = _losses_left_out(grid, table[..., 1], table[..., 2] * grid.exp()), table[:, GRID // 2, 1]
        return float((at_one - best).sum()) / mass
    before, after = slope_at(1.0, blocks, class_weight), slope_at(math.exp(theta), blocks, class_weight)
    inside = bracket[0] < theta < bracket[1]  # at an end, leaving one out moves nothing
    moved = float(at_best[:, 2].square().sum()) / after.second if inside and after.second > 0 else 0.0
    return (before.loss - after.loss - moved) / mass


def _losses_left_out(grid: Tensor, losses: Tensor, slopes: Tensor) -> Tensor:
    """The loss of each group (C,) at the optimum of all others: losses and their slopes in log beta (C, GRID)."""
    rest = slopes.sum(0) - slopes
    cell = ((rest <= 0).sum(1) - 1).clamp(0, len(grid) - 2)  # rest grows through 0 once, as the likelihood is convex
    left, right = (rest.gather(1, place[:, None])[:, 0] for place in (cell, cell + 1))
    share = torch.where(right > left, -left / (right - left), 0.0).clamp(0, 1)
    return _hermite(share, float(grid[1] - grid[0]), losses, slopes, cell)


def _hermite(share: Tensor, width: float, values: Tensor, slopes: Tensor, cell: Tensor) -> Tensor:
    """The cubic through values and slopes at both ends of a cell, at a share of its width."""
    (v0, v1), (s0, s1) = (
        [table.gather(1, place[:, None])[:, 0] for place in (cell, cell + 1)] for table in (values, slopes)
    )
    t = share
    ends = (1 + 2 * t) * (1 - t) ** 2 * v0 + t**2 * (3 - 2 * t) * v1
    return ends + width * (t * (1 - t) ** 2 * s0 - t**2 * (1 - t) * s1)
