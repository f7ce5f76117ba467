"""The mean over classes of a mean over the rows of each class."""

from __future__ import annotations

from torch import Tensor


def mean_over_classes(sums: Tensor, members: Tensor | None = None) -> Tensor:
    """From (..., K, 2), a sum and a number of rows per class, to (...).

    Classes without a row are left out; `members` (K,) bool takes only some classes. NaN when none is left.
    """
    present = sums[..., 1] > 0
    if members is not None:
        present = present & members.to(sums.device)
    mean = sums[..., 0] / sums[..., 1].clamp(min=1)
    return (mean * present).sum(-1) / present.sum(-1)
