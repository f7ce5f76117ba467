"""Memory of a loss: what its graph keeps for the backward pass, and the most that forward and backward hold."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

RETURN_MEMORY_AT_ONCE = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "0", "MALLOC_TOP_PAD_": "0"}
"""An environment whose allocator makes the high-water mark of a process that of its tensors (glibc)."""


def kept_for_backward(loss: Callable[[], Tensor], own: Sequence[Tensor]) -> int:
    """Bytes that wait for the backward pass, each storage once, without the loop's own tensors."""
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        waiting = loss()
    for tensor in own:
        kept.pop(tensor.untyped_storage().data_ptr(), None)
    del waiting
    return sum(kept.values())


def peak_extra(logits: Tensor, work: Callable[[], object]) -> int:
    """Most extra bytes while a forward and backward on these logits is done."""
    for _ in range(2):
        work()
    logits.grad = None
    gc.collect()
    if logits.is_cuda:
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        work()
        return torch.cuda.max_memory_allocated() - before
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts again from here
    before = resident("VmRSS")
    work()
    return resident("VmHWM") - before


def resident(mark: str) -> int:
    """Bytes resident now (VmRSS) or at the high-water mark (VmHWM), on Linux."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(fields[mark].split()[0]) * 1024
