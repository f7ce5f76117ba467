"""Batch normalisation whose statistics come from some of a batch's rows only (Ioffe & Szegedy, ICML 2015)."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
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
            return _scaled(x, scale, self.bias - self.running_mean * scale)
        running = (self.running_mean, self.running_var)
        y, mean, variance = _Normalise.apply(x, self.weight, self.bias, self.rows, *running, self.eps)  # type: ignore[no-untyped-call]
        values = self.rows.sum() * x[0, 0].numel()
        unbiased = variance.detach() * values / (values - 1).clamp_min(1)
        share = self.momentum * (values > 1).to(mean.dtype)
        self.running_mean.add_(share * (mean.detach() - self.running_mean))
        self.running_var.add_(share * (unbiased - self.running_var))
        return cast(Tensor, y)


class _Normalise(torch.autograd.Function):
    """Written out, because the passes over maps are what it costs: two forward, five backward."""

    generate_vmap_rule = True

    @staticmethod
    def forward(
        x: Tensor, weight: Tensor, bias: Tensor, rows: Tensor, old_mean: Tensor, old_variance: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        maps = x.to(weight.dtype) if x.dim() > 2 else x.to(weight.dtype)[..., None]
        each_variance, each_mean = torch.var_mean(maps, dim=tuple(range(2, maps.dim())), correction=0)
        rows = rows.to(weight.dtype)
        count = rows.sum()
        share = rows / count.clamp_min(1)
        mean = torch.where(count > 0, share @ each_mean, old_mean)
        variance = torch.where(count > 0, share @ (each_variance + (each_mean - mean).square()), old_variance)
        scale = weight * torch.rsqrt(variance + eps)
        return _scaled(x, scale, bias - mean * scale), mean, variance

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
        x, weight, _, rows, _, _, eps = inputs
        _, mean, variance = output
        ctx.mark_non_differentiable(mean, variance)
        ctx.save_for_backward(x, weight, rows, mean, variance)
        ctx.eps = eps

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, rows, mean, variance = ctx.saved_tensors
        gradient = gradients[0]
        inverse = torch.rsqrt(variance + ctx.eps)
        scale = weight * inverse
        rows = rows.to(weight.dtype)
        of_bias = _sums(gradient, weight.dtype).sum(0)
        of_weight = (_sums(gradient * x, weight.dtype).sum(0) - mean * of_bias) * inverse
        values = (rows.sum() * x[0, 0].numel()).clamp_min(1)
        back = (rows / values)[:, None] * scale  # what comes back through the statistics, (N, C)
        slope = back * (-of_weight * inverse)
        offset = back * (mean * inverse * of_weight - of_bias)
        through = torch.addcmul(_over_maps(offset, x), x, _over_maps(slope, x))
        return through + gradient * _over_maps(scale[None], x), of_weight, of_bias, None, None, None, None


def _scaled(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    return torch.addcmul(_over_maps(shift[None], x), x, _over_maps(scale[None], x))


def _over_maps(values: Tensor, x: Tensor) -> Tensor:
    """(N, C) -> (N, C, 1, ...), in the type of x."""
    return values.to(x.dtype).view(*values.shape, *(1,) * (x.dim() - 2))


def _sums(maps: Tensor, dtype: torch.dtype) -> Tensor:
    """Over positions, (N, C, ...) -> (N, C)."""
    return maps.sum(tuple(range(2, maps.dim())), dtype=dtype) if maps.dim() > 2 else maps.to(dtype)


def with_row_batch_norm(module: nn.Module) -> nn.Module:
    """The module with every batch normalisation exchanged, in place; one that keeps no statistics stays."""
    for name, child in module.named_children():
        if isinstance(child, _NormBase) and child.track_running_stats and child.affine:
            setattr(module, name, RowBatchNorm(child))
        else:
            with_row_batch_norm(child)
    return module
