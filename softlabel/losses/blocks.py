"""Cutting a batch into blocks of rows that fit into a cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

Block = tuple[slice, ...]


def blocks(shape: Sequence[int], limit: int) -> Iterator[Block]:
    """Slices of the leading axes that cover a batch shape once, at most `limit` elements each (at least one).

    Each block is a plain slice of the tensor, so it works for any strides and copies nothing.
    """
    if not shape:
        yield ()
        return
    inner = 1
    for size in shape[1:]:
        inner *= size
    if inner <= limit or len(shape) == 1:
        step = max(1, limit // max(inner, 1))
        for start in range(0, shape[0], step):
            yield (slice(start, start + step),)
        return
    for position in range(shape[0]):
        for rest in blocks(shape[1:], limit):
            yield (slice(position, position + 1), *rest)
