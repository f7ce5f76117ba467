"""Gaussian label distributions over an ordered grid (DLDL: Gao et al., IEEE TIP 2017, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from softlabel.labels.amounts import per_row
from softlabel.labels.checks import and_more, first, place
from softlabel.labels.dense import Dense


def gaussian(value: Tensor, grid: Tensor, sigma: float | Tensor, *, validate: bool = True) -> Dense:
    """q_k proportional to exp(-(grid_k - value)^2 / 2 sigma^2), normalised over the grid.

    Shapes: value (...), grid (K,), sigma a number or of the leading axes of value  ->  labels of shape (..., K).
    Computed in log-space, so a small sigma leaves the nearest label (two at half a step share), never NaN; a value
    outside the grid gives a one-sided distribution. Differentiable in sigma > 0 and in value. (The released age code
    does not divide by the sum, which takes mass from the ends of the grid; here every row sums to 1.)
    Raises ValueError with the first value that is not finite, or a sigma that is negative or not finite.
    Source: DLDL (Gao et al., IEEE TIP 2017, section 3.2.1).

    >>> import torch
    >>> import softlabel as sl
    >>> sl.labels.gaussian(torch.tensor([1.0]), grid=torch.arange(3.0), sigma=1.0).dense()
    tensor([[0.2741, 0.4519, 0.2741]])
    >>> sl.labels.gaussian(torch.tensor([0.0]), grid=torch.arange(3.0), sigma=1.0).dense()  # sums to 1 at an end too
    tensor([[0.5741, 0.3482, 0.0777]])
    """
    value = value if value.is_floating_point() else value.to(torch.get_default_dtype())
    if validate:
        check_gaussian(value, grid, sigma)
    return Dense(torch.softmax(log_density(value, grid, sigma), -1), full=True)


def gaussian_grid(
    values: Tensor, grids: Sequence[Tensor], sigma: float | Tensor | Sequence[float], *, validate: bool = True
) -> Dense:
    """The product of one Gaussian per axis, over the cells of a grid of several axes, the last one fastest.

    Shapes: values (..., A), grids A tensors (K_a,), sigma a number, one per axis, or a tensor (..., A)  ->  labels of
    shape (..., K_1 K_2 ... K_A). Head pose has A = 2: pitch and yaw (DLDL, section 3.2.2).
    Raises ValueError as `gaussian` does, and when the numbers of axes differ.
    Source: DLDL (Gao et al., IEEE TIP 2017, section 3.2.2).

    >>> import torch
    >>> import softlabel as sl
    >>> angles = torch.tensor([-15.0, 0.0, 15.0])
    >>> label = sl.labels.gaussian_grid(torch.tensor([[0.0, 15.0]]), [angles, angles], sigma=15.0)
    >>> label.dense().view(3, 3)  # pitch down, yaw across
    tensor([[0.0213, 0.0954, 0.1573],
            [0.0351, 0.1573, 0.2594],
            [0.0213, 0.0954, 0.1573]])
    """
    if values.shape[-1] != len(grids):
        raise ValueError(f"values have {values.shape[-1]} axes, but there are {len(grids)} grids")
    sigmas = _per_axis(sigma, len(grids))
    parts = [
        gaussian(values[..., axis], grid, sigmas[axis], validate=validate).probabilities
        for axis, grid in enumerate(grids)
    ]
    product = parts[0]
    for part in parts[1:]:
        product = (product[..., :, None] * part[..., None, :]).flatten(-2)
    return Dense(product, full=True)


def log_density(value: Tensor, grid: Tensor, sigma: float | Tensor) -> Tensor:
    """-(grid - value)^2 / 2 sigma^2, shifted so that the nearest label has 0: value (...) -> (..., K).

    The shift, which no softmax sees, is taken before squaring: far outside of the grid nothing cancels or overflows.
    """
    grid = grid.to(value)
    where = value.detach()[..., None].clamp(grid.amin(), grid.amax())  # which label is nearest has no derivative
    nearest = grid[(grid - where).abs().argmin(-1, keepdim=True)]
    excess = ((grid - nearest) * (grid + nearest - 2 * value[..., None])).clamp_min(0)
    width = torch.as_tensor(sigma, dtype=value.dtype, device=value.device)
    width = 2 * per_row(width, value.shape, "sigma").square()[..., None]
    sharp = width == 0
    return (-excess / torch.where(sharp, 1, width)).masked_fill(sharp & (excess > 0), -torch.inf)


def check_gaussian(value: Tensor, grid: Tensor, sigma: float | Tensor) -> None:
    """Values and widths are finite, and the grid is a line of finite numbers."""
    if grid.ndim != 1 or len(grid) == 0:
        raise ValueError(f"grid has shape {tuple(grid.shape)}, expected (K,)")
    for name, numbers in (("grid", grid), ("value", value)):
        bad = ~torch.isfinite(numbers)
        if bad.any():
            row = first(bad)
            raise ValueError(f"{name}, {place(row)}: {numbers[row].item()} is not a finite number{and_more(bad)}")
    width = torch.as_tensor(sigma).detach()
    bad = ~((width >= 0) & torch.isfinite(width))
    if bad.any():
        row = first(bad)
        where = f", {place(row)}" if row else ""
        raise ValueError(f"sigma{where}: {width[row].item():g} is not a finite width from 0{and_more(bad)}")


def _per_axis(sigma: float | Tensor | Sequence[float], count: int) -> list[float | Tensor]:
    if isinstance(sigma, Tensor):
        return list(sigma.unbind(-1)) if sigma.ndim else [sigma] * count
    if isinstance(sigma, Sequence):
        if len(sigma) != count:
            raise ValueError(f"sigma has {len(sigma)} entries, expected one for each of {count} axes")
        return list(sigma)
    return [sigma] * count
