"""Pixels near the boundary between two classes of a mask (the trimap of Kohli, Ladický and Torr 2009)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

VOID = 255


def near_boundary(mask: Tensor, distance: int) -> Tensor:
    """Which pixels have another class within `distance` rows and columns: (N, H, W) uint8 -> (N, H, W) bool.

    At a straight edge these are the `distance` pixels on either side. Void has no class: it makes no boundary, and
    pixels of it are not near one; but two classes on either side of a thin void line are near each other.
    Source: the trimap of Kohli, Ladický and Torr 2009.

    >>> import torch
    >>> from softlabel.metrics.boundary import near_boundary
    >>> mask = torch.tensor([[[0, 0, 0, 1, 1, 1]]], dtype=torch.uint8)
    >>> near_boundary(mask, 2).int()
    tensor([[[0, 1, 1, 1, 1, 0]]], dtype=torch.int32)
    """
    void = mask == VOID
    # Classes as float32: pooling knows no integers, and 255 classes are exact in it.
    most = _window_max(mask.float().masked_fill(void, -1.0), distance)
    least = -_window_max(-mask.float(), distance)
    return (most != least) & ~void


def _window_max(values: Tensor, distance: int) -> Tensor:
    """The largest value within `distance` rows and columns; beyond the image there is none."""
    window = 2 * distance + 1
    rows = F.max_pool2d(values[:, None], (window, 1), 1, (distance, 0))
    return F.max_pool2d(rows, (1, window), 1, (0, distance))[:, 0]
