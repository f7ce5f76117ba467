"""How the processes of a run find each other, in a way that the first one can leave."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import torch

POLL_SECONDS = 0.05
distributed: Any = torch.distributed  # its stubs do not export the stores
TIMEOUT = timedelta(hours=12)
"""Of a collective call: the others wait while the first process validates and saves, however long that takes."""


def meet(device: torch.device, world: int, rank: int, port: int, refuse_failed: Callable[[], None]) -> None:
    """Join the other processes.

    The first one looks again and again whether the others are there; `refuse_failed` ends that by raising. Only then
    PyTorch connects them, in a call that neither a signal nor a missing process would end.
    """
    store = distributed.TCPStore("127.0.0.1", port, is_master=rank == 0, timeout=TIMEOUT, wait_for_workers=False)
    if rank == 0:
        while not store.check([_ready(other) for other in range(1, world)]):
            refuse_failed()
            time.sleep(POLL_SECONDS)
    else:
        store.set(_ready(rank), "")
    distributed.init_process_group(
        "nccl" if device.type == "cuda" else "gloo",
        store=distributed.PrefixStore("run", store),
        world_size=world,
        rank=rank,
        timeout=TIMEOUT,
        device_id=device if device.type == "cuda" else None,
    )


def _ready(rank: int) -> str:
    return f"ready/{rank}"
