"""Pixels near a border between classes share their labels with their neighbours (DLDL, section 3.2.4)."""

from __future__ import annotations

import functools

import torch
from torch import Tensor
from torch.nn import functional as F

from softlabel.labels.checks import check_index
from softlabel.labels.from_table import Table


def spatial(
    mask: Tensor,
    num_classes: int,
    kernel_size: int = 5,
    sigma: float = 3.0,
    stride: int = 1,
    padding: int = 2,
    *,
    ignore_index: int = 255,
    validate: bool = True,
) -> Table:
    """The one-hot map filtered by a Gaussian, class by class, and divided by its sum over the classes.

    Shapes: mask (N, H, W) or (H, W) class per pixel  ->  labels of shape (..., H', W', K), where
    H' = (H + 2 padding - kernel_size) // stride + 1; output pixel i looks around i stride - padding + kernel_size // 2.
    Void pixels (`ignore_index`) give nothing to their neighbours and are ignored themselves (mass 0); neither does
    what lies outside of the image. Only pixels with another class in their window cost anything: the others are rows
    of a table of one-hot labels.
    Raises ValueError with the first pixel whose class is none, or a window that cannot be.
    """
    check_window(kernel_size, sigma, stride, padding)
    if validate:
        check_index(mask, num_classes, ignore_index)
    maps = mask.reshape(-1, *mask.shape[-2:])
    padded = padded_classes(maps, padding, ignore_index)
    height, width = ((size - kernel_size) // stride + 1 for size in padded.shape[-2:])
    if height < 1 or width < 1:
        raise ValueError(f"a window of {kernel_size} pixels is larger than the padded mask {tuple(padded.shape[-2:])}")
    centre, highest, lowest = middle_and_extremes(padded, kernel_size, stride, (height, width), num_classes)
    border = (highest > lowest) & (centre >= 0)
    weights = gaussian_window(kernel_size, sigma, mask.device).flatten()
    shared = border_rows(windows_of(padded, border, kernel_size, stride), weights, num_classes)
    row = centre.clamp_min(0).long()
    row[border] = torch.arange(num_classes, num_classes + len(shared), device=mask.device)
    table = torch.cat([torch.eye(num_classes, device=mask.device), shared])
    shape = (*mask.shape[:-2], height, width)
    known = centre >= 0
    return Table(table, row.reshape(shape), None if bool(known.all()) else known.reshape(shape))


def padded_classes(maps: Tensor, padding: int, ignore_index: int) -> Tensor:
    """Classes (N, H + 2 p, W + 2 p), int16, -1 for void and outside."""
    classes = maps.to(torch.int16)
    if ignore_index >= 0:
        classes = torch.where(maps == ignore_index, -1, classes)
    return F.pad(classes.clamp_min(-1), (padding,) * 4, value=-1)


def middle_and_extremes(
    padded: Tensor, size: int, stride: int, shape: tuple[int, int], num_classes: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Of each window the class in its middle, the highest and the lowest (void not counted), each (N, H', W')."""
    down, right = ((length - 1) * stride + 1 for length in shape)
    middle = size // 2
    centre = padded[:, middle : middle + down : stride, middle : middle + right : stride]
    raised = torch.where(padded < 0, num_classes, padded)
    lines = [(padded[:, y : y + down : stride], raised[:, y : y + down : stride]) for y in range(size)]
    highest = functools.reduce(torch.maximum, (line[0] for line in lines))
    lowest = functools.reduce(torch.minimum, (line[1] for line in lines))
    highest = functools.reduce(torch.maximum, (highest[:, :, x : x + right : stride] for x in range(size)))
    lowest = functools.reduce(torch.minimum, (lowest[:, :, x : x + right : stride] for x in range(size)))
    return centre, highest, lowest


def windows_of(padded: Tensor, border: Tensor, size: int, stride: int) -> Tensor:
    """The classes that the B border pixels see, place by place of their windows: (size², B)."""
    image, y, x = border.nonzero(as_tuple=True)
    start = (image * padded.shape[1] + y * stride) * padded.shape[2] + x * stride
    steps = torch.arange(size, device=padded.device)
    offsets = (steps[:, None] * padded.shape[2] + steps).flatten()
    places = offsets[:, None] + start
    return padded.flatten().index_select(0, places.flatten()).view(places.shape)


def border_rows(seen: Tensor, weights: Tensor, num_classes: int) -> Tensor:
    """The distributions (B, K) of B border pixels that see these classes (S, B), -1 where there is none.

    Most see two classes: the highest and the lowest; only for the others each class is counted.
    """
    highest = seen.amax(0)
    lowest = torch.where(seen < 0, num_classes, seen).amin(0)
    total, of_highest, of_lowest = (weights @ (where).float() for where in (seen >= 0, seen == highest, seen == lowest))
    rows = torch.zeros(seen.shape[1], num_classes, device=seen.device)
    rows.scatter_(1, highest[:, None].long(), of_highest[:, None])
    rows.scatter_(1, lowest[:, None].long(), of_lowest[:, None])
    several = (of_highest + of_lowest < total * (1 - 1e-4)).nonzero().squeeze(1)
    rows[several] = counted(seen[:, several], weights, num_classes)
    return rows / total[:, None]


def counted(seen: Tensor, weights: Tensor, num_classes: int) -> Tensor:
    """The weight of each class among those seen (S, n), (n, K)."""
    classes = torch.where(seen < 0, num_classes, seen).T.long()
    rows = torch.zeros(len(classes), num_classes + 1, device=seen.device)
    return rows.scatter_add_(1, classes, weights.expand(classes.shape))[:, :num_classes]


def gaussian_window(size: int, sigma: float, device: torch.device) -> Tensor:
    """exp(-(dx^2 + dy^2) / 2 sigma^2), (size, size), with its middle at size // 2."""
    steps = torch.arange(size, dtype=torch.float32, device=device) - size // 2
    line = torch.exp(-steps.square() / (2 * sigma * sigma))
    return line[:, None] * line


def check_window(kernel_size: int, sigma: float, stride: int, padding: int) -> None:
    """Sizes are positive and the padding is no larger than the window."""
    if kernel_size < 1 or stride < 1 or not 0 <= padding <= kernel_size:
        raise ValueError(f"kernel_size {kernel_size}, stride {stride} and padding {padding} make no window")
    if not sigma > 0:
        raise ValueError(f"sigma is {sigma}, expected a width above 0")
