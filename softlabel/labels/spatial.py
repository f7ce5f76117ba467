"""Pixels near a border between classes share their labels with their neighbours (DLDL, section 3.2.4)."""

from __future__ import annotations

import functools

import torch
from torch import Tensor
from torch.nn import functional as F

from softlabel.labels.checks import check_index
from softlabel.labels.patched import Patched

AT_ONCE = 2**13
"""Border pixels whose windows are looked at together: those of more would not fit into a cache."""


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
) -> Patched:
    """The one-hot map filtered by a Gaussian, class by class, and divided by its sum over the classes.

    Shapes: mask (N, H, W) or (H, W) class per pixel  ->  labels of shape (..., H', W', K), where
    H' = (H + 2 padding - kernel_size) // stride + 1; output pixel i looks around i stride - padding + kernel_size // 2.
    Void pixels (`ignore_index`) give nothing to their neighbours and are ignored themselves (mass 0); neither does
    what lies outside of the image. Only pixels with another class in their window cost more than hard labels do.
    (The released code gives the outermost two pixels of the image their hard labels back; here they are as soft as
    what they see of the image.)
    Raises ValueError with the first pixel whose class is none, or a window that cannot be.
    """
    check_window(kernel_size, sigma, stride, padding)
    if validate:
        check_index(mask, num_classes, ignore_index)
    padded = padded_classes(mask, num_classes, padding, ignore_index)
    height, width = ((size - kernel_size) // stride + 1 for size in padded.shape[-2:])
    if height < 1 or width < 1:
        raise ValueError(f"a window of {kernel_size} pixels is larger than the padded mask {tuple(padded.shape[-2:])}")
    centre, border = middle_and_border(padded, kernel_size, stride, (height, width), num_classes)
    weights = gaussian_window(kernel_size, sigma, mask.device).flatten()
    places = border.flatten().nonzero().squeeze(1)
    windows = (windows_of(padded, some, (height, width), kernel_size, stride) for some in torch.split(places, AT_ONCE))
    patches = torch.cat([border_rows(seen, weights, num_classes) for seen in windows])
    row = centre.to(torch.int32).flatten()
    known = row != num_classes
    row[~known] = 0
    row[places] = torch.arange(num_classes, num_classes + len(patches), dtype=torch.int32, device=mask.device)
    shape = (*mask.shape[:-2], height, width)
    return Patched(patches, row.view(shape), None if bool(known.all()) else known.view(shape))


def padded_classes(mask: Tensor, num_classes: int, padding: int, ignore_index: int) -> Tensor:
    """Classes (N, H + 2 p, W + 2 p), K for void and outside, in the smallest integers that hold them."""
    maps = mask.reshape(-1, *mask.shape[-2:])
    dtype = torch.uint8 if num_classes < 256 else torch.int32
    classes = torch.where(maps == ignore_index, num_classes, maps).to(dtype)
    return F.pad(classes, (padding,) * 4, value=num_classes)


def middle_and_border(
    padded: Tensor, size: int, stride: int, shape: tuple[int, int], num_classes: int
) -> tuple[Tensor, Tensor]:
    """Of each window the class in its middle, and whether it is one and sees another class, each (N, H', W')."""
    down, right = ((length - 1) * stride + 1 for length in shape)
    middle = size // 2
    centre = padded[:, middle : middle + down : stride, middle : middle + right : stride]
    void = torch.tensor(num_classes, dtype=padded.dtype, device=padded.device)
    lowered = padded.masked_fill(padded == void, 0)  # void is the highest code: no lowest class, and here no highest
    highest = functools.reduce(torch.maximum, (lowered[:, y : y + down : stride] for y in range(size)))
    lowest = functools.reduce(torch.minimum, (padded[:, y : y + down : stride] for y in range(size)))
    highest = functools.reduce(torch.maximum, (highest[:, :, x : x + right : stride] for x in range(size)))
    lowest = functools.reduce(torch.minimum, (lowest[:, :, x : x + right : stride] for x in range(size)))
    return centre, (highest != lowest) & (centre != void)


def windows_of(padded: Tensor, places: Tensor, shape: tuple[int, int], size: int, stride: int) -> Tensor:
    """The classes that B pixels (flat places of the output) see, place by place of their windows: (size², B)."""
    height, width = shape
    line = places // width
    image = line // height
    start = (image * padded.shape[1] + (line - image * height) * stride) * padded.shape[2]
    start = start + (places - line * width) * stride
    steps = torch.arange(size, device=padded.device)
    offsets = (steps[:, None] * padded.shape[2] + steps).flatten()
    return padded.flatten()[offsets[:, None] + start]


def border_rows(seen: Tensor, weights: Tensor, num_classes: int) -> Tensor:
    """The distributions (B, K) of B border pixels that see these classes (S, B), K where there is none.

    Most see two classes: the highest and the lowest; only for the others each class is counted.
    """
    void = torch.tensor(num_classes, dtype=seen.dtype, device=seen.device)
    outside = seen == void
    highest = seen.masked_fill(outside, 0).amax(0)
    lowest = seen.amin(0)
    of_void, of_highest, of_lowest = (weights @ same.float() for same in (outside, seen == highest, seen == lowest))
    of_both = of_highest + of_lowest
    rows = torch.zeros(seen.shape[1], num_classes, device=seen.device)
    rows.scatter_(1, highest[:, None].long(), (of_highest / of_both)[:, None])
    rows.scatter_(1, lowest[:, None].long(), (of_lowest / of_both)[:, None])
    several = (of_both + of_void < weights.sum() - weights.amin() / 2).nonzero().squeeze(1)
    rows[several] = F.normalize(counted(seen[:, several], weights, num_classes), p=1)
    return rows


def counted(seen: Tensor, weights: Tensor, num_classes: int) -> Tensor:
    """The weight of each class among those seen (S, n), (n, K)."""
    classes = seen.T.long()
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
