"""Label smoothing (Szegedy et al., CVPR 2016; Müller et al., NeurIPS 2019; per class: Zhong et al., CVPR 2021)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from softlabel.labels.checks import check_index, check_share, split_ignored
from softlabel.labels.sparse import Sparse


def smoothed(
    index: Tensor,
    num_classes: int,
    epsilon: float | Tensor,
    convention: Literal["uniform", "others"] = "uniform",
    *,
    ignore_index: int = -100,
    validate: bool = True,
) -> Sparse:
    """Hard labels of which a share epsilon is spread over the classes.

    uniform   q = (1 - epsilon) onehot + epsilon / K        as in PyTorch, timm, Keras and Müller et al.
    others    q_y = 1 - epsilon, else epsilon / (K - 1)     no share goes back to the label's own class

    Shapes: index (...) integer, epsilon a number or (K,), one per class of the label  ->  labels of shape (..., K).
    Raises ValueError with the first row whose index lies outside [0, K), or an epsilon outside [0, 1].
    Source: Szegedy et al., CVPR 2016, section 7, and Müller et al., NeurIPS 2019, section 1 (uniform); Zhong et al.,
    CVPR 2021, equation 5 (others).

    >>> import torch
    >>> import softlabel as sl
    >>> index = torch.tensor([2])
    >>> sl.labels.smoothed(index, num_classes=4, epsilon=0.3).dense()
    tensor([[0.0750, 0.0750, 0.7750, 0.0750]])
    >>> sl.labels.smoothed(index, num_classes=4, epsilon=0.3, convention="others").dense()
    tensor([[0.1000, 0.1000, 0.7000, 0.1000]])
    """
    if convention not in ("uniform", "others"):
        raise ValueError(f"convention is {convention!r}, expected 'uniform' or 'others'")
    if convention == "others" and num_classes < 2:
        raise ValueError("convention 'others' needs at least 2 classes")
    if validate:
        check_index(index, num_classes, ignore_index)
        check_share(epsilon, num_classes, "epsilon")
    index, known = split_ignored(index, ignore_index)
    if isinstance(epsilon, Tensor):
        epsilon = epsilon[index] if epsilon.ndim else epsilon.expand(index.shape)
    if convention == "others":  # the same family: others(epsilon) = uniform(epsilon K / (K - 1))
        epsilon = epsilon * num_classes / (num_classes - 1)
    kept = 1 - epsilon
    values = kept[..., None] if isinstance(kept, Tensor) else kept
    return Sparse(index[..., None], values, epsilon / num_classes, num_classes, known, index=index)
