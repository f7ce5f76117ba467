"""The rows of all processes' shares of a batch, for terms that compare rows with each other."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, distributed

_ALONE: ContextVar[bool] = ContextVar("alone", default=False)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Inside, a batch is this process's own: for a trial in which the others, if there are any, take no part."""
    token = _ALONE.set(True)
    try:
        yield
    finally:
        _ALONE.reset(token)


def gathered(rows: Tensor) -> Tensor:
    """(n, ...) of this process -> (N, ...) of all processes in the order of their ranks, with gradients to each.

    With one process the rows as they are. Shares may have different sizes.
    """
    if not _together() or distributed.get_world_size() == 1:
        return rows
    found: Tensor = _Gather.apply(rows)  # type: ignore[no-untyped-call]
    return found


def first_row(rows: Tensor) -> int:
    """Where the rows (n, ...) of this process begin among the gathered ones."""
    if not _together():
        return 0
    return int(sum(_counts(len(rows), rows.device)[: distributed.get_rank()]))


def _together() -> bool:
    return not _ALONE.get() and distributed.is_available() and distributed.is_initialized()


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        counts = _counts(len(rows), rows.device)
        padded = rows.new_zeros(max(counts), *rows.shape[1:])
        padded[: len(rows)] = rows
        parts = [torch.empty_like(padded) for _ in counts]
        distributed.all_gather(parts, padded)
        ctx.counts = counts
        return torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous().clone()
        distributed.all_reduce(total)
        return torch.split(total, ctx.counts)[distributed.get_rank()]


def _counts(count: int, device: torch.device) -> list[int]:
    own = torch.tensor([count], device=device)
    found = [torch.empty_like(own) for _ in range(distributed.get_world_size())]
    distributed.all_gather(found, own)
    return [int(each) for each in found]
