"""What the surroundings of a computation allow."""

from __future__ import annotations

import torch
from torch import Tensor


def may_look(tensor: Tensor) -> bool:
    """Whether the program may look at values and choose: on a CPU, where nothing is traced or transformed."""
    return tensor.is_cpu and not torch.compiler.is_compiling() and not torch._C._are_functorch_transforms_active()


def transformed() -> bool:
    """Whether a transformation of torch.func is at work."""
    return bool(torch._C._are_functorch_transforms_active())


def wants_gradient(*tensors: Tensor) -> bool:
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
