"""Kullback-Leibler divergence of label distributions from predictions (as in DLDL: Gao et al., IEEE TIP 2017)."""

from __future__ import annotations

from typing import cast

from torch import Tensor

from softlabel.labels import LabelDistribution
from softlabel.losses.engine.compute import compute
from softlabel.losses.engine.reduction import Reduction, check_reduction
from softlabel.losses.engine.weight import Numbers


def kl_divergence(
    logits: Tensor,
    target: Tensor | LabelDistribution,
    *,
    weight: Numbers | None = None,
    sample_weight: Numbers | None = None,
    mask: Tensor | None = None,
    class_mask: Tensor | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    fused: bool = True,
) -> Tensor:
    """KL(q || softmax(logits)) per element: the cross-entropy less the label's entropy; 0 for a perfect prediction.

    Arguments, shapes, errors and the gradient in the logits are those of `cross_entropy`; "mean" is over elements
    (PyTorch's "batchmean"), never over elements times classes. A class without mass in the label contributes 0.
    Source: Kullback and Leibler 1951; the loss of DLDL (Gao et al., IEEE TIP 2017).

    >>> import torch
    >>> import softlabel as sl
    >>> label = sl.labels.votes(torch.tensor([[3, 1]]))
    >>> undecided = torch.zeros(1, 2)
    >>> sl.losses.cross_entropy(undecided, label) - label.entropy().mean()
    tensor(0.1308)
    >>> sl.losses.kl_divergence(undecided, label)
    tensor(0.1308)
    """
    check_reduction(reduction)
    value = compute(
        logits, target, weight, sample_weight, mask, class_mask, ignore_index, reduction, fused, divergence=True
    )
    return cast(Tensor, value)  # which has a mass beside it for `sum_and_mass` alone
