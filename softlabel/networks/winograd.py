"""3×3 convolutions of small maps with fewer multiplications: F(4×4, 3×3) of Lavin & Gray (CVPR 2016, section 4)."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from softlabel.networks.groups import groups_first

TILE, POINTS = 4, 6
ROOTS = (0.0, 0.5**0.5, -(0.5**0.5), 2**0.5, -(2**0.5))  # and infinity; 0, 1, -1, 2 and -2 round twice as much
FEWEST_CHANNELS = 32
FEWEST_PIXELS = 4
INPUT, OUTPUT = 0, 1  # which transform


class Winograd(nn.Module):
    """(N, C, H, W) -> (N, O, H, W): the convolution that it is made from, the faster way where that pays."""

    def __init__(self, layer: nn.Conv2d) -> None:
        super().__init__()
        self.weight = layer.weight
        self.bias = layer.bias

    def forward(self, x: Tensor) -> Tensor:
        if not pays(x, self.weight):
            return F.conv2d(x, self.weight, self.bias, padding=1)
        y: Tensor = _Convolve.apply(x, self.weight)  # type: ignore[no-untyped-call]
        return y if self.bias is None else y + self.bias[:, None, None]


def pays(x: Tensor, weight: Tensor) -> bool:
    """Whether it is multiplications that take the time: on a processor, with many channels, at full precision."""
    full = x.dtype in (torch.float32, torch.float64) and not torch.is_autocast_enabled("cpu")
    large = min(weight.shape[:2]) >= FEWEST_CHANNELS and min(x.shape[-2:]) >= FEWEST_PIXELS
    return x.device.type == "cpu" and full and large


def with_winograd(module: nn.Module) -> nn.Module:
    """The module with every 3×3 convolution exchanged that keeps the size of maps, in place."""
    for name, child in module.named_children():
        if type(child) is nn.Conv2d and _keeps_size(child):
            setattr(module, name, Winograd(child))
        else:
            with_winograd(child)
    return module


def _keeps_size(layer: nn.Conv2d) -> bool:
    shape = (layer.kernel_size, layer.stride, layer.padding, layer.dilation, layer.groups, layer.padding_mode)
    return shape == ((3, 3), (1, 1), (1, 1), (1, 1), 1, "zeros")


class _Convolve(torch.autograd.Function):
    """x (..., N, C, H, W), weight (..., O, C, 3, 3), with a dimension of groups in front or none -> (..., N, O, H, W).

    One group after another, through the same memory, so that what a step hands to the next one stays in the cache.
    """

    @staticmethod
    def forward(x: Tensor, weight: Tensor) -> Tensor:
        y, points, products = _maps(x, weight.shape[-4]), _Points(x, weight), _Points(x, weight)
        for maps, kernel, into in zip(*_groups(x, weight, y), strict=True):
            given = points.transform(INPUT, maps)
            products.transform_back(OUTPUT, products.multiply(given, _at_points(kernel).mT), into)
        return y

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        of_x, of_weight = _maps(x, x.shape[-3]), torch.empty_like(weight)
        points, products = _Points(x, weight), _Points(x, weight)
        for maps, kernel, slope, into, of_kernel in zip(*_groups(x, weight, gradient, of_x, of_weight), strict=True):
            slopes = points.transform(OUTPUT, slope)
            products.transform_back(INPUT, products.multiply(slopes, _at_points(kernel)), into)
            given = products.transform(INPUT, maps)  # anew: kept from the forward pass it is twice as large as x
            _from_points(slopes, given, of_kernel)
        return of_x, of_weight

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Tensor) -> tuple[Tensor, int]:
        return _Convolve.apply(*groups_first(info.batch_size, in_dims, inputs)), 0  # type: ignore[no-untyped-call]


class _Points:
    """Room for the points of one group: (tile rows, 36, tiles of a row N, C), where products are taken one by one.

    Pixels lie in front of rows and channels, so that a transform is a product with a small matrix along either side.
    """

    def __init__(self, x: Tensor, weight: Tensor) -> None:
        self.rows, (self.height, self.width) = x.shape[-4], x.shape[-2:]
        self.down = [side.flatten(0, 1) for side in _sides(self.height, x.dtype)]
        self.across = [side.transpose(0, 1).flatten(0, 1) for side in _sides(self.width, x.dtype)]
        values, (high, wide) = self.rows * max(weight.shape[-4:-2]), (len(self.down[0]), len(self.across[0]))
        self.half = x.new_empty(max(high * self.width, self.height * wide) * values)
        self.room = x.new_empty(high * wide * values)

    def transform(self, kind: int, maps: Tensor) -> Tensor:
        """From pixels (N, C, H, W) to points."""
        pixels = maps.permute(2, 3, 0, 1).contiguous().view(self.height, self.width, -1)
        return self._tiled(_both_sides(self.down[kind], self.across[kind], pixels, self.half, self.room))

    def transform_back(self, kind: int, points: Tensor, into: Tensor) -> None:
        """The transposed map, from points to pixels (N, C, H, W)."""
        points = points.reshape(len(self.down[kind]), len(self.across[kind]), -1)
        pixels = into.permute(2, 3, 0, 1).view(self.height, self.width, -1)
        _both_sides(self.down[kind].mT, self.across[kind].mT, points, self.half, pixels)

    def multiply(self, points: Tensor, kernel: Tensor) -> Tensor:
        """Points times a matrix (36, C, O) each."""
        products = self.room[: points[..., 0].numel() * kernel.shape[-1]].view(*points.shape[:-1], -1)
        for row, into in zip(points, products, strict=True):
            torch.bmm(row, kernel, out=into)
        return products

    def _tiled(self, points: Tensor) -> Tensor:
        return points.view(-1, POINTS**2, len(self.across[0]) // POINTS * self.rows, points.shape[2] // self.rows)


def _both_sides(down: Tensor, across: Tensor, values: Tensor, half: Tensor, room: Tensor) -> Tensor:
    """(H, W, n) -> (P, Q, n): down (P, H) along the first side, across (Q, W) along the second one."""
    _, width, n = values.shape
    half = half[: len(down) * width * n].view(len(down), -1)
    room = room.view(-1)[: len(down) * len(across) * n].view(len(down), len(across), n)
    torch.mm(down, values.view(len(values), -1), out=half)
    return torch.bmm(across.expand(len(down), -1, -1), half.view(len(down), width, n), out=room)


def _groups(*tensors: Tensor) -> tuple[Tensor, ...]:
    return tuple(value[None] if value.dim() == 4 else value for value in tensors)


def _maps(x: Tensor, channels: int) -> Tensor:
    """Room for (..., N, channels, H, W), with pixels before rows and channels."""
    rows, _, height, width = x.shape[-4:]
    strides = (channels, 1, width * rows * channels, rows * channels)
    groups = x.shape[:-4]
    return x.new_empty_strided(
        (*groups, rows, channels, height, width), (*(height * width * rows * channels,) * len(groups), *strides)
    )


def _at_points(kernel: Tensor) -> Tensor:
    """(O, C, 3, 3) -> (36, O, C)."""
    taps = kernel.permute(2, 3, 0, 1).reshape(9, -1)
    return (_of_kernel(kernel.dtype) @ taps).view(POINTS**2, *kernel.shape[:2])


def _from_points(slopes: Tensor, given: Tensor, into: Tensor) -> None:
    """The gradient of a kernel (O, C, 3, 3), from those of products and what they were taken of."""
    found = slopes.new_zeros(POINTS**2, *into.shape[:2])
    for slope, point in zip(slopes, given, strict=True):
        found.baddbmm_(slope.mT, point)
    into.copy_((_of_kernel(into.dtype).mT @ found.flatten(1)).view(3, 3, *into.shape[:2]).permute(2, 3, 0, 1))


@cache
def _sides(size: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Of the input's and the output's transform along one side: (tiles, 6, size) each.

    The input's tiles overlap by two pixels, and begin one pixel outside of the map, where it is zero.
    """
    tiles = -(-size // TILE)
    padded = torch.zeros(tiles, POINTS, tiles * TILE + 2, dtype=torch.float64)
    output = torch.zeros(tiles, POINTS, tiles * TILE, dtype=torch.float64)
    for tile in range(tiles):
        padded[tile, :, tile * TILE : tile * TILE + POINTS] = torch.linalg.inv(_powers(POINTS)).mT
        output[tile, :, tile * TILE : (tile + 1) * TILE] = _powers(TILE)
    return padded[:, :, 1 : size + 1].to(dtype), output[:, :, :size].to(dtype)


@cache
def _of_kernel(dtype: torch.dtype) -> Tensor:
    """The kernel's transform of both sides, (36, 9)."""
    return torch.kron(_powers(3), _powers(3)).to(dtype)


def _powers(count: int) -> Tensor:
    """A polynomial's coefficients -> its values at the roots and, in the last row, at infinity."""
    finite = torch.tensor(ROOTS, dtype=torch.float64)[:, None] ** torch.arange(count)
    return torch.cat([finite, torch.eye(count, dtype=torch.float64)[-1:]])
