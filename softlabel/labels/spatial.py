"""Pixels near a border between classes share their labels with their neighbours (DLDL, section 3.2.4)."""

from __future__ import annotations

import functools
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from softlabel.labels.checks import all_true, check_index
from softlabel.labels.modes import may_look
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
    Source: DLDL (Gao et al., IEEE TIP 2017, section 3.2.4).

    >>> import torch
    >>> import softlabel as sl
    >>> mask = torch.tensor([[0, 0, 0, 0, 1, 1, 1, 1]]).expand(8, 8)
    >>> sl.labels.spatial(mask, num_classes=2).dense()[4, :, 1]  # class 1, across the border
    tensor([0.0000, 0.0000, 0.1782, 0.3887, 0.6113, 0.8218, 1.0000, 1.0000])
    """
    check_window(kernel_size, sigma, stride, padding)
    if validate:
        check_index(mask, num_classes, ignore_index)
    padded = padded_classes(mask, num_classes, padding, ignore_index)
    height, width = ((size - kernel_size) // stride + 1 for size in padded.shape[-2:])
    if height < 1 or width < 1:
        raise ValueError(f"a window of {kernel_size} pixels is larger than the padded mask {tuple(padded.shape[-2:])}")
    lowest, centre, highest = lowest_middle_highest(padded, kernel_size, stride, (height, width))
    known = centre != torch.iinfo(padded.dtype).max
    bit = known.view(torch.uint8)
    places = ((lowest ^ highest) * bit).flatten().nonzero().squeeze(1)
    weights = gaussian_window(kernel_size, sigma, mask.device).flatten()
    start = corners(places, padded, (height, width), stride).to(torch.int32)  # half the memory to read of int64
    low, own, high = (classes.flatten()[places] for classes in (lowest, centre, highest))
    pair = torch.stack([own, torch.where(low == own, high, low)])
    source, other, share = given_shares(Windows(padded, kernel_size, weights, num_classes), start, pair)
    shape = (*mask.shape[:-2], height, width)
    index = (centre * bit).view(shape)
    all_known = may_look(known) and all_true(known)
    return Patched(index, places[source], other, share, num_classes, None if all_known else known.view(shape))


def padded_classes(mask: Tensor, num_classes: int, padding: int, ignore_index: int) -> Tensor:
    """Classes (N, H + 2 p, W + 2 p) in the smallest integers that hold them, the largest for void and outside."""
    maps = mask.reshape(-1, *mask.shape[-2:])
    dtype = torch.uint8 if num_classes < 256 else torch.int32
    void = torch.iinfo(dtype).max
    if ignore_index != void:
        maps = torch.where(maps == ignore_index, void, maps.to(dtype))
    return F.pad(maps.to(dtype), (padding,) * 4, value=void)


def lowest_middle_highest(
    padded: Tensor, size: int, stride: int, shape: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    """Of each window the lowest class, that in its middle, and the highest, (N, H', W'); equal where all are void."""
    down, right = ((length - 1) * stride + 1 for length in shape)
    middle = size // 2
    centre = padded[:, middle : middle + down : stride, middle : middle + right : stride]
    above = padded + 1  # the largest integer becomes the least: void is never the lowest, and here never the highest
    highest = functools.reduce(torch.maximum, (above[:, y : y + down : stride] for y in range(size)))
    lowest = functools.reduce(torch.minimum, (padded[:, y : y + down : stride] for y in range(size)))
    highest = functools.reduce(torch.maximum, (highest[:, :, x : x + right : stride] for x in range(size)))
    lowest = functools.reduce(torch.minimum, (lowest[:, :, x : x + right : stride] for x in range(size)))
    return lowest, centre, highest - 1


def corners(places: Tensor, padded: Tensor, shape: tuple[int, int], stride: int) -> Tensor:
    """Where in the flat padded mask the windows of these flat pixels begin, (B,)."""
    height, width = shape
    line = places // width
    image = line // height
    start = (image * padded.shape[1] + (line - image * height) * stride) * padded.shape[2]
    return start + (places - line * width) * stride


class Windows(NamedTuple):
    """What windows see: classes (N, H, W) as of `padded_classes`, and the weights (size²,) of their places."""

    padded: Tensor
    size: int
    weights: Tensor
    num_classes: int

    def seen(self, start: Tensor) -> Tensor:
        """The classes in the windows that begin at these places, (size², B)."""
        steps = torch.arange(self.size, dtype=start.dtype, device=start.device)
        offsets = (steps[:, None] * self.padded.shape[2] + steps).flatten()
        places = offsets[:, None] + start
        return self.padded.flatten().index_select(0, places.flatten()).view(places.shape)


def given_shares(windows: Windows, start: Tensor, pair: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """From which window (M,) which class (M,) gets which share (M,); each sees at least a pair (2, B), own class first.

    Most windows see no other class; only where one does, each class is counted.
    """
    parts = zip(torch.split(start, AT_ONCE), torch.split(pair, AT_ONCE, 1), strict=True)
    of_pair, of_all = (torch.cat(found, -1) for found in zip(*(weigh(windows, *part) for part in parts), strict=True))
    total = of_pair.sum(0)
    more = total < of_all - windows.weights.amin() / 2
    several = more.nonzero().squeeze(1)
    counts = torch.cat([counted(windows, some) for some in torch.split(start[several], AT_ONCE)])
    of_several = counts.scatter(1, pair[0, several, None].long(), 0) / counts.sum(1, keepdim=True)
    line, class_of_line = of_several.nonzero(as_tuple=True)
    times = torch.ones_like(more, dtype=torch.int64).index_copy_(0, several, (of_several > 0).sum(1))
    source = torch.repeat_interleave(times)
    place = more[source].nonzero().squeeze(1)
    other = pair[1].long()[source].index_copy_(0, place, class_of_line)
    share = (of_pair[1] / total)[source].index_copy_(0, place, of_several[line, class_of_line])
    return source, other, share


def weigh(windows: Windows, start: Tensor, pair: Tensor) -> tuple[Tensor, Tensor]:
    """The weights of both classes of a pair (2, B), and of all classes (B,), in the windows that begin there."""
    seen = windows.seen(start)
    found = (seen == pair[0], seen == pair[1], seen != torch.iinfo(seen.dtype).max)
    one, other, of_all = (windows.weights @ each.view(torch.uint8).float() for each in found)  # bools convert slowly
    return torch.stack([one, other]), of_all


def counted(windows: Windows, start: Tensor) -> Tensor:
    """The weight of each class in these windows, (B, K)."""
    classes = windows.seen(start).T.long().clamp_(max=windows.num_classes)
    counts = torch.zeros(len(classes), windows.num_classes + 1, device=start.device)
    return counts.scatter_add_(1, classes, windows.weights.expand(classes.shape))[:, :-1]


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
