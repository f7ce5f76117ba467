"""The likelihood of logits at inverse temperature beta, and its first two derivatives, a block of rows at a time.

For one row, NLL(beta) = logsumexp(beta z) - beta <q, z>. It is convex in beta: the first derivative is
E_p z - <q, z> and the second is Var_p z, with p = softmax(beta z).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from softlabel.labels import LabelDistribution
from softlabel.labels.amounts import accumulation_dtype

Block = tuple[Tensor, LabelDistribution]
"""Logits (n, ..., K) with the classes last, and their labels (n, ...)."""

BLOCK_ELEMENTS = 1 << 20
# exp(-1e4 beta) is 0 for every beta allowed, and (-1e4)² is far from overflow: so a logit of -inf counts as nothing.
FAR_BELOW = -1e4


@dataclass(frozen=True)
class Slope:
    """Sums over rows of m times the derivatives in beta, m being a row's mass.

    rows       number of rows with mass
    mass       sum of m
    loss       sum of m NLL
    first      sum of m (E_p z - <q, z>)
    second     sum of m Var_p z
    squares    sum of m² (E_p z - <q, z>)²
    """

    rows: float
    mass: float
    loss: float
    first: float
    second: float
    squares: float


def slope_at(beta: float, blocks: Iterable[Block], class_weight: Tensor | None) -> Slope:
    """The derivatives at beta over all blocks."""
    total: Tensor | float = 0.0
    for logits, label in blocks:
        total = total + _block_sums(beta, logits, label, class_weight)
    return Slope(*total.tolist()) if isinstance(total, Tensor) else Slope(0, 0, 0, 0, 0, 0)


def row_mass(label: LabelDistribution, class_weight: Tensor | None) -> Tensor:
    """m = <q, class_weight>, which weighs a row without bending its label; 0 where ignored."""
    return label.mass if class_weight is None else label.expectation(class_weight.to(label.device)) * label.mass


def blocks_of(logits: Tensor, label: LabelDistribution, block_rows: int | None = None) -> Iterator[Block]:
    """Cut logits (N, ..., K) into blocks of about a million numbers, or of `block_rows` rows."""
    rows = block_rows or max(1, BLOCK_ELEMENTS // max(1, logits[:1].numel()))
    for start in range(0, len(logits), rows):
        yield logits[start : start + rows], label.select(slice(start, start + rows))


def row_terms(
    beta: float | Tensor, logits: Tensor, label: LabelDistribution, class_weight: Tensor | None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Mass, NLL, and its first and second derivative in beta of every row, float64; 0 where a row has no mass.

    beta   a number, or numbers (B, 1, ...) to be tried on all rows (n, ...): all but the mass are (B, n, ...) then
    """
    logits = logits.to(accumulation_dtype(logits.dtype))
    mass = row_mass(label, class_weight).to(logits.dtype)
    top = logits.amax(-1, keepdim=True)
    shifted = (logits - top).clamp_(min=FAR_BELOW)
    labelled = label.inner(logits) - top[..., 0]
    weight = (shifted * (beta[..., None] if isinstance(beta, Tensor) else beta)).exp_()
    mass_of_p = weight.sum(-1)
    mean = weight.mul_(shifted).sum(-1) / mass_of_p
    variance = (weight.mul_(shifted).sum(-1) / mass_of_p - mean**2).clamp_(min=0.0)
    score = mean - labelled
    parts = torch.stack([mass_of_p.log() - beta * labelled, score, variance])
    # Ignored rows may hold anything, NaN too.
    loss, score, variance = torch.where(mass > 0, parts, 0.0).double()
    return mass.double(), loss, score, variance


def _block_sums(beta: float, logits: Tensor, label: LabelDistribution, class_weight: Tensor | None) -> Tensor:
    mass, loss, score, variance = row_terms(beta, logits, label, class_weight)
    sums = [mass > 0, mass, mass * loss, mass * score, mass * variance, (mass * score) ** 2]
    return torch.stack([part.sum(dtype=torch.float64) for part in sums])
