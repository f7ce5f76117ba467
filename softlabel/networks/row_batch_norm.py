"""Batch normalisation whose statistics come from some of a batch's rows only (Ioffe & Szegedy, ICML 2015)."""

from __future__ import annotations

import math
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _NormBase


class RowBatchNorm(nn.Module):
    """(N, C, ...) -> (N, C, ...): all rows are normalised, by the mean and variance of those that count.

    So a row that does not count is treated as the others are, and leaves no trace in what they are normalised by. Where
    none counts, and in evaluation, the running statistics are used. With all rows it is the layer that it is made from.

    rows   (N,) float, 1 for a row that counts and 0 for another; a buffer that the caller exchanges for each batch
    """

    rows: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, layer: _NormBase) -> None:
        super().__init__()
        self.weight = nn.Parameter(layer.weight.detach().clone())
        self.bias = nn.Parameter(layer.bias.detach().clone())
        self.register_buffer("running_mean", cast(Tensor, layer.running_mean).clone())
        self.register_buffer("running_var", cast(Tensor, layer.running_var).clone())
        self.register_buffer("rows", torch.ones(()), persistent=False)
        self.momentum = 0.1 if layer.momentum is None else layer.momentum
        self.eps = layer.eps

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            scale = self.weight * torch.rsqrt(self.running_var + self.eps)
            return _scaled(x, scale[None], (self.bias - self.running_mean * scale)[None], x.dim() - 2)
        given = (self.weight, self.bias, self.rows, self.running_mean, self.running_var)
        y, mean, variance = _Normalise.apply(x, *given, x.dim() - 2, self.eps)  # type: ignore[no-untyped-call]
        values = self.rows.sum() * x[0, 0].numel()
        unbiased = variance.detach() * values / (values - 1).clamp_min(1)
        share = self.momentum * (values > 1).to(mean.dtype)
        self.running_mean.add_(share * (mean.detach() - self.running_mean))
        self.running_var.add_(share * (unbiased - self.running_var))
        return cast(Tensor, y)


class _Normalise(torch.autograd.Function):
    """x (..., N, C, *maps), rows (..., N), the rest (..., C), with a dimension of groups in front or none.

    Written out, because the passes over maps are what it costs: four forward, five backward.
    """

    @staticmethod
    def forward(
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        rows: Tensor,
        old_mean: Tensor,
        old_variance: Tensor,
        maps: int,
        eps: float,
    ) -> tuple[Tensor, Tensor, Tensor]:
        share, counts = _share(rows.to(weight.dtype), x, maps)
        mean = torch.where(counts, _over_rows(share, _sums(x, maps, weight.dtype)), old_mean)
        centre = _over_maps(mean[..., None, :], maps).expand_as(x)
        squares = F.mse_loss(x.to(weight.dtype), centre, reduction="none")  # in one pass
        variance = torch.where(counts, _over_rows(share, _sums(squares, maps, weight.dtype)), old_variance)
        scale = weight * torch.rsqrt(variance + eps)
        y = _scaled(x, scale[..., None, :], (bias - mean * scale)[..., None, :], maps)
        return y, mean, variance

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
        x, weight, _, rows, _, _, ctx.maps, ctx.eps = inputs
        _, mean, variance = output
        ctx.mark_non_differentiable(mean, variance)
        ctx.save_for_backward(x, weight, rows, mean, variance)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, rows, mean, variance = ctx.saved_tensors
        gradient, maps = gradients[0], ctx.maps
        inverse = torch.rsqrt(variance + ctx.eps)
        scale = (weight * inverse)[..., None, :]
        of_bias = _sums(gradient, maps, weight.dtype).sum(-2)
        of_weight = (_sums(gradient * x, maps, weight.dtype).sum(-2) - mean * of_bias) * inverse
        share, _ = _share(rows.to(weight.dtype), x, maps)
        back = share[..., None] * scale  # what comes back through the statistics, (..., N, C)
        slope = back * (-of_weight * inverse)[..., None, :]
        offset = back * (mean * inverse * of_weight - of_bias)[..., None, :]
        of_x = _scaled(x, slope, offset, maps).addcmul_(gradient, _over_maps(scale, maps).to(x.dtype))
        return of_x, of_weight, of_bias, None, None, None, None, None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], *inputs: Any) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
        tensors = _groups_first(info.batch_size, in_dims[:-2], inputs[:-2])
        return _Normalise.apply(*tensors, *inputs[-2:]), (0, 0, 0)  # type: ignore[no-untyped-call]


def _groups_first(count: int, dims: tuple[int | None, ...], inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Inputs of a mapped call, with the mapped dimension (None: the same for all) in front."""
    return tuple(
        value.expand(count, *value.shape) if dim is None else value.movedim(dim, 0)
        for dim, value in zip(dims, inputs, strict=True)
    )


def _share(rows: Tensor, x: Tensor, maps: int) -> tuple[Tensor, Tensor]:
    """What each value of a row is of a mean, (..., N), and whether any row counts, (..., 1)."""
    count = rows.sum(-1, keepdim=True)
    positions = math.prod(x.shape[x.dim() - maps :])
    return rows / (count * positions).clamp_min(1), count > 0


def _over_rows(share: Tensor, values: Tensor) -> Tensor:
    """(..., N), (..., N, C) -> (..., C)."""
    return (share[..., None, :] @ values).squeeze(-2)


def _scaled(x: Tensor, scale: Tensor, shift: Tensor, maps: int) -> Tensor:
    """Of each row and channel, (..., N, C), in the type of x."""
    return torch.addcmul(_over_maps(shift, maps).to(x.dtype), x, _over_maps(scale, maps).to(x.dtype))


def _over_maps(values: Tensor, maps: int) -> Tensor:
    return values[(..., *(None,) * maps)]


def _sums(values: Tensor, maps: int, dtype: torch.dtype) -> Tensor:
    """Over positions, (..., N, C, *maps) -> (..., N, C)."""
    return values.sum(tuple(range(-maps, 0)), dtype=dtype) if maps else values.to(dtype)


def with_row_batch_norm(module: nn.Module) -> nn.Module:
    """The module with every batch normalisation exchanged, in place; one that keeps no statistics stays."""
    for name, child in module.named_children():
        if isinstance(child, _NormBase) and child.track_running_stats and child.affine:
            setattr(module, name, RowBatchNorm(child))
        else:
            with_row_batch_norm(child)
    return module
