"""Kullback-Leibler divergence of label distributions from predictions (as in DLDL: Gao et al., IEEE TIP 2017)."""

from __future__ import annotations

from torch import Tensor

from softlabel.labels import LabelDistribution
from softlabel.labels.distribution import Amount
from softlabel.losses.cross_entropy import CrossEntropy
from softlabel.losses.engine import compute
from softlabel.losses.engine.class_loss import summed
from softlabel.losses.engine.reduction import Reduction, check_reduction, summed_by
from softlabel.losses.engine.weight import Numbers


class KLDivergence(CrossEntropy):
    """The cross-entropy less the label's entropy; the gradient in the logits is the same."""

    def values(self, logits: Tensor, label: LabelDistribution) -> Tensor:
        values = super().values(logits, label)
        return values - label.entropy(values.dtype)

    def block(self, work: Tensor, label: LabelDistribution, scale: Amount | None) -> Tensor:
        return super().block(work, label, scale).sub_(label.entropy(work.dtype))

    def in_torch(self) -> None:
        """PyTorch's has another mean, and wants logarithms."""


KL_DIVERGENCE = KLDivergence()


@summed_by(summed(KLDivergence))
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
    return compute.value(
        KL_DIVERGENCE, logits, target, weight, sample_weight, mask, class_mask, ignore_index, reduction, fused
    )
