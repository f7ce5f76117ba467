"""The fused path: one sweep over blocks of rows makes the loss and, in a buffer of its own, the gradient.

Forward leaves the finished gradient behind, so backward has at most a multiplication to do. Neither the log
probabilities nor the label are ever written out whole: all else that is made is blocks that fit into a processor's
cache, of which the loss itself says value and gradient (`fused_loss.py`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from softlabel.labels.amounts import accumulation_dtype
from softlabel.labels.distribution import Amount
from softlabel.losses.engine.asked import Asked
from softlabel.losses.engine.class_mask import without_classes

Block = tuple[slice, ...]

HUGE = 2**22
"""Bytes from which NumPy asks Linux for huge pages."""

BLOCK_BYTES = {"cpu": 2**21, "cuda": 2**26}
REFUSAL = (
    "the fused loss makes its gradient once, during forward, and hands it out once, so {what}; "
    "pass fused=False to the loss for a chain of ordinary differentiable operations"
)


def fused_total(logits: Tensor, asked: Asked, axis: int, factor: Amount) -> Tensor:
    """The sum of the elements' values times a factor: logits with classes on `axis` -> ()."""
    if torch.is_grad_enabled() and logits.requires_grad:
        return Sweep.apply(logits, asked, axis, factor, False)  # type: ignore[no-any-return,no-untyped-call]
    return sweep(logits.detach().movedim(axis, -1), asked, 1.0, None).sum() * factor


def fused_values(logits: Tensor, asked: Asked, axis: int) -> Tensor:
    """The value of each element: logits with classes on `axis` -> the shape of the labels."""
    if torch.is_grad_enabled() and logits.requires_grad:
        return Sweep.apply(logits, asked, axis, 1.0, True)  # type: ignore[no-any-return,no-untyped-call]
    return sweep(logits.detach().movedim(axis, -1), asked, 1.0, None)


class Sweep(torch.autograd.Function):
    """Keeps nothing for backward but the gradient itself."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, asked: Asked, axis: int, factor: Amount, each: bool) -> Tensor:
        # float16 has no room for p / N: there the factor waits until a loss scaler has had its say
        late = logits.dtype == torch.float16
        gradient = fresh_like(logits)
        values = sweep(logits.movedim(axis, -1), asked, 1.0 if late else factor, gradient.movedim(axis, -1))
        ctx.save_for_backward(gradient)
        ctx.axis, ctx.each, ctx.late_factor, ctx.spent = axis, each, factor if late else None, False
        return values if each else values.sum() * factor

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            raise RuntimeError(REFUSAL.format(what="it cannot be differentiated twice (create_graph=True)"))
        if ctx.spent:
            raise RuntimeError(REFUSAL.format(what="a second backward through it is not possible"))
        ctx.spent = True
        (gradient,) = ctx.saved_tensors
        if ctx.late_factor is not None:
            upstream = upstream * ctx.late_factor
        if ctx.each:
            gradient.mul_(upstream.unsqueeze(ctx.axis))
        elif not is_one(upstream):
            gradient.mul_(upstream)
        return gradient, None, None, None, None

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        raise RuntimeError(REFUSAL.format(what="it has no forward-mode derivative"))


def is_one(number: Tensor) -> bool:
    """Whether a multiplication can be left out; on a GPU that is not worth waiting for."""
    return number.device.type == "cpu" and bool(number == 1)


def sweep(logits: Tensor, asked: Asked, factor: Amount, gradient: Tensor | None) -> Tensor:
    """Values (...) of logits (..., K); the gradient of their sum times a factor goes into `gradient`, like logits."""
    shape = logits.shape[:-1]
    values = logits.new_empty(shape, dtype=accumulation_dtype(logits.dtype))
    limit = BLOCK_BYTES.get(logits.device.type, 2**26) // (max(logits.shape[-1], 1) * values.element_size())
    for block in blocks(shape, limit):
        values[block] = sweep_block(logits, asked, factor, gradient, block)
    return values


def sweep_block(logits: Tensor, asked: Asked, factor: Amount, gradient: Tensor | None, block: Block) -> Tensor:
    """The values of one block, whose gradient is written."""
    rows, label = logits[block], asked.label.select(block)
    mass = None if asked.mass is None else asked.mass[block]
    if asked.class_mask is not None:
        rows, label = without_classes(rows, label, asked.class_mask.expand(logits.shape)[block])
    target = None if gradient is None else gradient[block]
    work = shifted(rows, target)
    scale = None if target is None else factor if mass is None else mass * factor
    values = asked.loss.block(work, label.at_hand(), scale)
    if mass is not None:
        weigh_(values, work, mass)
    if target is not None and work is not target:
        target.copy_(work)
    return values


def shifted(rows: Tensor, target: Tensor | None) -> Tensor:
    """rows minus their maxima in the dtype of sums, made in `target` where that has this dtype."""
    dtype = accumulation_dtype(rows.dtype)
    highest = rows.amax(-1, keepdim=True)
    if rows.dtype != dtype:
        return rows.to(dtype).sub_(highest)
    return torch.sub(rows, highest, out=target) if target is not None else rows - highest


def weigh_(values: Tensor, rows: Tensor, mass: Tensor) -> None:
    """values times their masses; those that do not count, which may be anything, become 0, and so do their rows.

    Of finite values the gradient is finite as well, and its multiplication by a mass of 0 has cleared it.
    """
    if values.device.type == "cpu" and math.isfinite(values.sum().item()):
        values.mul_(mass)
        return
    dead = mass == 0
    values.mul_(mass).masked_fill_(dead, 0)
    rows.masked_fill_(dead[..., None], 0)


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
