"""Which rows an epoch visits: class probability proportional to n^q (Kang et al., ICLR 2020, section 3)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from softlabel.data.config import BalancedEpoch
from softlabel.errors import ConfigError

SamplerName = Literal["instance", "square-root", "balanced", "progressive"]
_EXPONENT = {"instance": 1.0, "square-root": 0.5, "balanced": 0.0}


def class_probabilities(counts: Tensor, sampler: SamplerName, *, epoch: int = 0, epochs: int = 1) -> Tensor:
    """Probability of each class (K,) float64, from its number of rows (K,); classes without rows have none.

    instance n^1, square-root n^0.5, balanced n^0; progressive (1 - t / (E - 1)) instance + t / (E - 1) balanced in
    epoch t of E (instance where E is 1).
    """
    if sampler == "progressive":
        progress = epoch / (epochs - 1) if epochs > 1 else 0.0
        return torch.lerp(class_probabilities(counts, "instance"), class_probabilities(counts, "balanced"), progress)
    counts = counts.double()
    mass = torch.where(counts > 0, counts ** _EXPONENT[sampler], 0.0)
    return mass / mass.sum()


def epoch_order(
    class_index: Tensor,
    sampler: SamplerName,
    *,
    epoch: int,
    epochs: int,
    generator: torch.Generator,
    head_limit: int | None = None,
    balanced_epoch: BalancedEpoch = "rows",
) -> Tensor:
    """Positions of one epoch, int64, in the order of the visit; class_index (N,) is the class of each row.

    The instance sampler visits every row once. The others draw classes by `class_probabilities`, then a row of the
    class, with replacement, as many as there are rows; of the balanced one, with `balanced_epoch` classes, as many as
    if every class that has rows had those of the largest (the released code of Kang et al.). `head_limit` first leaves
    at most so many rows of a class, drawn anew in each epoch.
    """
    order = torch.randperm(len(class_index), generator=generator)
    if head_limit is not None:
        order = _first_of_each_class(order, class_index, head_limit)
    if sampler == "instance" or not len(order):
        return order
    grouped = order[class_index[order].argsort(stable=True)]
    counts = torch.bincount(class_index[order])
    probabilities = class_probabilities(counts, sampler, epoch=epoch, epochs=epochs)
    whole = sampler == "balanced" and balanced_epoch == "classes"
    draws = int(counts.max() * (counts > 0).sum()) if whole else len(order)
    drawn = torch.multinomial(probabilities, draws, replacement=True, generator=generator)
    within = torch.rand(draws, dtype=torch.float64, generator=generator) * counts[drawn]
    starts = counts.cumsum(0) - counts
    return grouped[starts[drawn] + within.long()]


def _first_of_each_class(order: Tensor, class_index: Tensor, limit: int) -> Tensor:
    classes = class_index[order]
    by_class = classes.argsort(stable=True)
    counts = torch.bincount(classes)
    starts = counts.cumsum(0) - counts
    rank = torch.empty_like(order)
    rank[by_class] = torch.arange(len(order)) - starts[classes[by_class]]
    return order[rank < limit]


def every_class_order(
    class_index: Tensor, batch_size: int, *, generator: torch.Generator, head_limit: int | None = None
) -> Tensor:
    """Positions of one epoch in which every batch has a row of every class (DMUE, She et al., CVPR 2021, section 4.2).

    Each batch takes the next row of each class that has any, over and over where there are fewer than batches; its
    other places are filled as the instance sampler would fill them. An epoch has as many positions as there are
    rows, less a last batch that is too small for every class. Raises ConfigError where a batch has fewer places than
    there are classes.
    """
    order = torch.randperm(len(class_index), generator=generator)
    if head_limit is not None:
        order = _first_of_each_class(order, class_index, head_limit)
    counts = torch.bincount(class_index[order])
    num_classes = int((counts > 0).sum())
    refuse_small_batches(batch_size, num_classes)
    if num_classes == 0:
        return order
    whole, rest = divmod(len(order), batch_size)
    steps = whole + (rest >= num_classes)
    positions = torch.arange(min(len(order), steps * batch_size))
    chosen, left = _one_of_each_class(order[class_index[order].argsort(stable=True)], counts, steps)
    rows = torch.empty_like(positions)
    first = positions % batch_size < num_classes
    rows[first] = chosen
    rows[~first] = order[torch.isin(order, left)][: len(positions) - len(chosen)]
    within = torch.rand(len(positions), dtype=torch.float64, generator=generator)
    return rows[(positions // batch_size + within).argsort()]


def refuse_small_batches(batch_size: int, num_classes: int) -> None:
    """Raises ConfigError where a batch has fewer places than there are classes."""
    if batch_size < num_classes:
        raise ConfigError(
            f"sampler every-class puts each of {num_classes} classes into every batch, so training.batch_size must be "
            f"{num_classes} or more, not {batch_size}"
        )


def _one_of_each_class(grouped: Tensor, counts: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Of rows grouped by class: one of each class for every step, one step after another, and the rows not taken."""
    starts = (counts.cumsum(0) - counts)[counts > 0]
    counts = counts[counts > 0]
    step = torch.arange(steps)[:, None]
    rank = torch.arange(len(grouped)) - starts.repeat_interleave(counts)
    return grouped[starts + step % counts].flatten(), grouped[rank >= steps]
