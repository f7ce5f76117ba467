"""The gradient's buffer."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

HUGE = 2**22
"""Bytes from which NumPy asks Linux for huge pages."""


def fresh_like(logits: Tensor) -> Tensor:
    """An uninitialised tensor of the logits' shape, dtype and strides.

    On a CPU, first touching a large buffer page by page costs as much as computing what goes into it, and PyTorch's
    allocator asks for small pages unless told otherwise; NumPy's asks for huge ones.
    """
    size = logits.numel() * logits.element_size()
    if logits.device.type != "cpu" or size < HUGE:
        return torch.empty_like(logits)
    strides = torch.empty_like(logits, device="meta").stride()
    memory = torch.from_numpy(np.empty(size, dtype=np.uint8))
    return memory.view(logits.dtype).as_strided(logits.shape, strides)
