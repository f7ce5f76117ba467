"""From positions to batches; slow inputs are read ahead in threads, which changes nothing but the speed."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor

from softlabel.data.batch import Batch
from softlabel.data.samples import Samples

READERS = min(4, os.cpu_count() or 1)


def batches(samples: Samples, order: Tensor, batch_size: int, *, rank: int = 0, world: int = 1) -> Iterator[Batch]:
    """Batches of the positions in `order`, in that order; `batch_size` counts over all processes.

    Each process gets its share of every batch (sizes differ by at most one), so all make the same number of steps. The
    last batch may be smaller, and a process's share of it empty.
    """
    parts = [whole.tensor_split(world)[rank] for whole in torch.split(order, batch_size) if len(whole)]
    if not samples.streamed:
        for part in parts:
            yield _batch(samples, part)
        return
    yield from _read_ahead(samples, parts)


def num_batches(num_rows: int, batch_size: int) -> int:
    """How many batches `batches` makes of so many positions."""
    return -(-num_rows // batch_size)


def _read_ahead(samples: Samples, parts: list[Tensor]) -> Iterator[Batch]:
    waiting: deque[Future[Batch]] = deque()
    readers = ThreadPoolExecutor(max_workers=READERS, thread_name_prefix="softlabel-read")
    try:
        for part in parts:
            waiting.append(readers.submit(_batch, samples, part))
            if len(waiting) > READERS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:  # also when the loop that reads us stops early
        readers.shutdown(wait=True, cancel_futures=True)


def _batch(samples: Samples, rows: Tensor) -> Batch:
    return Batch(samples.read(rows), samples.annotation[rows], samples.sample_id[rows])
