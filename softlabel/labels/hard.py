"""Hard labels: all mass on one class."""

from __future__ import annotations

from torch import Tensor

from softlabel.labels.checks import check_index, split_ignored
from softlabel.labels.sparse import Sparse


def hard(index: Tensor, num_classes: int, *, ignore_index: int = -100, validate: bool = True) -> Sparse:
    """One class per element; an element of `ignore_index` has mass 0.

    Shapes: index (...) integer  ->  labels of shape (..., K).
    Raises ValueError with the first row whose index lies outside [0, K).
    Source: q(k) = delta(k, y) of Szegedy et al., CVPR 2016, section 7; the hard target of Hinton et al. 2015.

    >>> import torch
    >>> import softlabel as sl
    >>> sl.labels.hard(torch.tensor([2, -100]), num_classes=3).dense()
    tensor([[0., 0., 1.],
            [0., 0., 0.]])
    """
    if validate:
        check_index(index, num_classes, ignore_index)
    index, known = split_ignored(index, ignore_index)
    return Sparse(index[..., None], 1.0, 0.0, num_classes, known, index=index)
