"""The sweep as one operator that torch.compile keeps whole."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from softlabel.labels.amounts import accumulation_dtype
from softlabel.labels.lowered import lower, restore
from softlabel.losses.engine.asked import Asked
from softlabel.losses.engine.fused import REFUSAL, fresh_like, sweep


@torch.library.custom_op("softlabel::loss_and_gradient", mutates_args=())
def loss_and_gradient(
    logits: Tensor,
    word: str,
    label: list[Tensor],
    mass: Tensor | None,
    class_mask: Tensor | None,
    divergence: bool,
    axis: int,
) -> tuple[Tensor, Tensor]:
    """The value of each element, and the gradient of their sum."""
    asked = Asked(restore(word, label, logits.shape[axis]), mass, class_mask, divergence)
    gradient = fresh_like(logits)
    return sweep(logits.movedim(axis, -1), asked, 1.0, gradient.movedim(axis, -1)), gradient


@loss_and_gradient.register_fake
def _(
    logits: Tensor,
    word: str,
    label: list[Tensor],
    mass: Tensor | None,
    class_mask: Tensor | None,
    divergence: bool,
    axis: int,
) -> tuple[Tensor, Tensor]:
    shape = logits.shape[:axis] + logits.shape[axis + 1 :]
    return logits.new_empty(shape, dtype=accumulation_dtype(logits.dtype)), torch.empty_like(logits)


def keep_gradient(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.save_for_backward(output[1])
    ctx.no_label_gradients = [None] * len(inputs[2])
    ctx.axis = inputs[-1]
    ctx.set_materialize_grads(False)


def hand_out(ctx: Any, upstream: Tensor, twice: Tensor | None) -> tuple[Any, ...]:
    if twice is not None:
        raise RuntimeError(REFUSAL.format(what="it cannot be differentiated twice"))
    (gradient,) = ctx.saved_tensors
    scaled = gradient * upstream.unsqueeze(ctx.axis).to(gradient.dtype)
    return scaled, None, ctx.no_label_gradients, None, None, None, None


loss_and_gradient.register_autograd(hand_out, setup_context=keep_gradient)


def operator_values(logits: Tensor, asked: Asked, axis: int) -> Tensor:
    """The value of each element, by the operator: logits with classes on `axis` -> the shape of the labels."""
    word, label = lower(asked.label)
    values: Tensor = loss_and_gradient(logits, word, label, asked.mass, asked.class_mask, asked.divergence, axis)[0]
    return values
