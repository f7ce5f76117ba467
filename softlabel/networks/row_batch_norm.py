"""Batch normalisation whose statistics come from some of a batch's rows only (Ioffe & Szegedy, ICML 2015)."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _NormBase

from softlabel.networks.groups import joined


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
            return _scaled(x[None], scale[None, None], (self.bias - self.running_mean * scale)[None, None])[0]
        given = (self.weight, self.bias, self.rows, self.running_mean, self.running_var)
        y, mean, variance = _Normalise.apply(x[None], *(value[None] for value in given), self.eps)  # type: ignore[no-untyped-call]
        mean, variance = mean[0].detach(), variance[0].detach()
        values = self.rows.sum() * x[0, 0].numel()
        unbiased = variance * values / (values - 1).clamp_min(1)
        share = self.momentum * (values > 1).to(mean.dtype)
        self.running_mean.add_(share * (mean - self.running_mean))
        self.running_var.add_(share * (unbiased - self.running_var))
        return cast(Tensor, y[0])


class _Normalise(torch.autograd.Function):
    """x (G, N, C, ...), rows (G, N), the rest (G, C); the groups of a mapped call are its copies.

    Written out, because the passes over maps are what it costs: four forward, five backward.
    """

    @staticmethod
    def forward(
        x: Tensor, weight: Tensor, bias: Tensor, rows: Tensor, old_mean: Tensor, old_variance: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        rows = rows.to(weight.dtype)[:, None]
        count = rows.sum(-1)
        share = rows / (count * x[0, 0, 0].numel()).clamp_min(1)[..., None]
        mean = torch.where(count > 0, (share @ _sums(x, weight.dtype))[:, 0], old_mean)
        squares = F.mse_loss(x.to(weight.dtype), _over_maps(mean[:, None], x).expand_as(x), reduction="none")
        variance = torch.where(count > 0, (share @ _sums(squares, weight.dtype))[:, 0], old_variance)
        scale = weight * torch.rsqrt(variance + eps)
        return _scaled(x, scale[:, None], (bias - mean * scale)[:, None]), mean, variance

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
        x, weight, _, rows, _, _, eps = inputs
        _, mean, variance = output
        ctx.mark_non_differentiable(mean, variance)
        ctx.save_for_backward(x, weight, rows, mean, variance)
        ctx.eps = eps

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, rows, mean, variance = ctx.saved_tensors
        gradient = gradients[0]
        inverse = torch.rsqrt(variance + ctx.eps)
        scale = (weight * inverse)[:, None]
        rows = rows.to(weight.dtype)
        of_bias = _sums(gradient, weight.dtype).sum(1)
        of_weight = (_sums(gradient * x, weight.dtype).sum(1) - mean * of_bias) * inverse
        values = (rows.sum(1) * x[0, 0, 0].numel()).clamp_min(1)
        back = (rows / values[:, None])[..., None] * scale  # what comes back through the statistics, (G, N, C)
        slope = back * (-of_weight * inverse)[:, None]
        offset = back * (mean * inverse * of_weight - of_bias)[:, None]
        through = _scaled(x, slope, offset).addcmul_(gradient, _over_maps(scale, x))
        return through, of_weight, of_bias, None, None, None, None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Any) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
        *tensors, eps = inputs
        found = _Normalise.apply(*joined(info.batch_size, in_dims[:-1], tuple(tensors)), eps)  # type: ignore[no-untyped-call]
        return tuple(value.unflatten(0, (info.batch_size, -1)) for value in found), (0, 0, 0)


def _scaled(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    return torch.addcmul(_over_maps(shift, x), x, _over_maps(scale, x))


def _over_maps(values: Tensor, x: Tensor) -> Tensor:
    """(G, N, C) -> (G, N, C, 1, ...), in the type of x."""
    return values.to(x.dtype).view(*values.shape, *(1,) * (x.dim() - 3))


def _sums(maps: Tensor, dtype: torch.dtype) -> Tensor:
    """Over positions, (G, N, C, ...) -> (G, N, C)."""
    return maps.sum(tuple(range(3, maps.dim())), dtype=dtype) if maps.dim() > 3 else maps.to(dtype)


def with_row_batch_norm(module: nn.Module) -> nn.Module:
    """The module with every batch normalisation exchanged, in place; one that keeps no statistics stays."""
    for name, child in module.named_children():
        if isinstance(child, _NormBase) and child.track_running_stats and child.affine:
            setattr(module, name, RowBatchNorm(child))
        else:
            with_row_batch_norm(child)
    return module
