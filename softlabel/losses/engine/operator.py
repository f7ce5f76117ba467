"""The sweep as one operator that torch.compile keeps whole."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from softlabel.labels.amounts import accumulation_dtype
from softlabel.labels.lowered import lower, restore
from softlabel.losses.engine.asked import Asked
from softlabel.losses.engine.fused import REFUSAL, fresh_like, sweep
from softlabel.losses.engine.fused_loss import loss_named


@torch.library.custom_op("softlabel::loss_and_gradient", mutates_args=())
def loss_and_gradient(
    logits: Tensor,
    name: str,
    numbers: list[float],
    word: str,
    label: list[Tensor],
    mass: Tensor | None,
    class_mask: Tensor | None,
    axis: int,
) -> tuple[Tensor, Tensor]:
    """The value of each element, and the gradient of their sum."""
    asked = Asked(loss_named(name, numbers), restore(word, label, logits.shape[axis]), mass, class_mask)
    gradient = fresh_like(logits)
    return sweep(logits.movedim(axis, -1), asked, 1.0, gradient.movedim(axis, -1)), gradient


@loss_and_gradient.register_fake
def _(
    logits: Tensor,
    name: str,
    numbers: list[float],
    word: str,
    label: list[Tensor],
    mass: Tensor | None,
    class_mask: Tensor | None,
    axis: int,
) -> tuple[Tensor, Tensor]:
    shape = logits.shape[:axis] + logits.shape[axis + 1 :]
    return logits.new_empty(shape, dtype=accumulation_dtype(logits.dtype)), torch.empty_like(logits)


def keep_gradient(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.save_for_backward(output[1])
    ctx.no_label_gradients = [None] * len(inputs[4])
    ctx.no_number_gradients = None if inputs[2] else []  # to PyTorch, no numbers at all are a list of tensors
    ctx.axis = inputs[-1]
    ctx.set_materialize_grads(False)


def hand_out(ctx: Any, upstream: Tensor, twice: Tensor | None) -> tuple[Any, ...]:
    if twice is not None:
        raise RuntimeError(REFUSAL.format(what="it cannot be differentiated twice"))
    (gradient,) = ctx.saved_tensors
    scaled = gradient * upstream.unsqueeze(ctx.axis).to(gradient.dtype)
    return scaled, None, ctx.no_number_gradients, None, ctx.no_label_gradients, None, None, None


loss_and_gradient.register_autograd(hand_out, setup_context=keep_gradient)


def operator_values(logits: Tensor, asked: Asked, axis: int) -> Tensor:
    """The value of each element, by the operator: logits with classes on `axis` -> the shape of the labels."""
    word, label = lower(asked.label)
    name, numbers = asked.loss.name, list(asked.loss.numbers)
    values: Tensor = loss_and_gradient(logits, name, numbers, word, label, asked.mass, asked.class_mask, axis)[0]
    return values
