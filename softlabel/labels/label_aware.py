"""Label-aware smoothing (Zhong et al., CVPR 2021, MiSLAS, equations 5 to 9): frequent classes are smoothed more."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from softlabel.labels.smoothed import smoothed
from softlabel.labels.sparse import Sparse

Form = Literal["concave", "linear", "convex"]


def label_aware(
    index: Tensor,
    counts: Tensor,
    head: float,
    tail: float,
    form: Form = "concave",
    convention: Literal["uniform", "others"] = "others",
    *,
    ignore_index: int = -100,
    validate: bool = True,
) -> Sparse:
    """Hard labels smoothed by `head` in the most frequent class and by `tail` in the rarest.

    Shapes: index (...) integer, counts (K,) samples per class  ->  labels of shape (..., K).
    The paper writes q_y = 1 - epsilon ("others"); its published code computes "uniform".
    Raises ValueError for an index outside [0, K), a share outside [0, 1], and one that leaves a label's own class less
    than the others.
    Source: Zhong et al., CVPR 2021 (MiSLAS), equations 5 to 9.

    >>> import torch
    >>> import softlabel as sl
    >>> counts = torch.tensor([1000, 100, 10])
    >>> sl.labels.label_aware(torch.tensor([0, 2]), counts, head=0.3, tail=0.0).dense()
    tensor([[0.7000, 0.1500, 0.1500],
            [0.0000, 0.0000, 1.0000]])
    """
    epsilon = class_epsilon(counts, head, tail, form)
    if convention == "others":
        uniform_share(epsilon)
    return smoothed(
        index, len(counts), epsilon.to(index.device), convention, ignore_index=ignore_index, validate=validate
    )


def uniform_share(epsilon: Tensor) -> Tensor:
    """What has to be spread over all K classes for epsilon (K,) to go to the other ones: epsilon K / (K - 1).

    Raises ValueError where that is more than all, so that a label's own class would have less than the others.
    """
    num_classes = len(epsilon)
    most = (num_classes - 1) / num_classes
    highest = epsilon.max().item()
    if highest > most + 1e-12:
        raise ValueError(
            f"{highest:g} of a label cannot go to the other classes: of {num_classes} classes a label's own one would "
            f"have less than each other; expected shares up to {most:.4g}, which is 1 - 1 / {num_classes}"
        )
    return (epsilon / most).clamp_max(1) if most else epsilon  # above 1 by rounding alone


def class_epsilon(counts: Tensor, head: float, tail: float, form: Form = "concave") -> Tensor:
    """The share to spread per class, float64 (K,): r = 1 for the most frequent class, 0 for the rarest.

    concave  tail + (head - tail) sin(pi r / 2)
    linear   tail + (head - tail) r
    convex   head + (head - tail) sin(3 pi / 2 + pi r / 2)

    Where all classes are equally frequent, r is 1.
    """
    if not 0 <= tail <= 1 or not 0 <= head <= 1:
        raise ValueError(f"head is {head} and tail {tail}, expected shares between 0 and 1")
    counts = counts.double()
    span = counts.max() - counts.min()
    r = (counts - counts.min()) / span if span > 0 else torch.ones_like(counts)
    if form == "linear":
        return tail + (head - tail) * r
    if form == "convex":
        return head + (head - tail) * torch.sin(3 * math.pi / 2 + math.pi * r / 2)
    if form == "concave":
        return tail + (head - tail) * torch.sin(math.pi * r / 2)
    raise ValueError(f"form is {form!r}, expected 'concave', 'linear' or 'convex'")
