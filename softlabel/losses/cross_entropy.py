"""Cross-entropy against label distributions (Szegedy et al., CVPR 2016, section 7, for soft labels in general)."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from softlabel.labels import LabelDistribution
from softlabel.labels.distribution import Amount
from softlabel.losses.engine import compute
from softlabel.losses.engine.class_loss import summed
from softlabel.losses.engine.fused_loss import FusedLoss
from softlabel.losses.engine.reduction import Reduction, check_reduction, summed_by
from softlabel.losses.engine.weight import Numbers


class CrossEntropy(FusedLoss):
    """sum(q) logsumexp(z) - <q, z>, whose gradient is sum(q) softmax(z) - q."""

    def values(self, logits: Tensor, label: LabelDistribution) -> Tensor:
        return -label.inner(torch.log_softmax(logits, -1))

    def block(self, work: Tensor, label: LabelDistribution, scale: Amount | None) -> Tensor:
        inner = label.inner(work)
        total = work.exp_().sum(-1)
        sums = label.row_sums()
        values = total.log() if sums is None else total.log().mul_(sums)
        values.sub_(inner)
        if scale is not None:
            share = scale / total if sums is None else scale * sums / total
            work.mul_(share[..., None])
            label.add_to_(work, -scale)
        return values

    def in_torch(self) -> Callable[..., Tensor] | None:
        return F.cross_entropy


CROSS_ENTROPY = CrossEntropy()


@summed_by(summed(CrossEntropy))
def cross_entropy(
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
    """logsumexp(z) - <q, z> per element, in float32 at least; its gradient in the logits z is softmax(z) - q.

    logits         (K,), (N, K) or (N, K, ...): classes on axis 1, as in PyTorch
    target         class indices (N, ...), probabilities of the logits' shape, or a label distribution of shape (N, ...)
    weight         (K,), a tensor of any real dtype, numbers or an array, finite and from 0: an element's mass is
                   <q, weight>; its label, and so the optimum, stays q
    sample_weight  (N,) or (N, ...), given likewise: multiplies an element's mass
    mask           bool (N,) or (N, ...): False takes the element out
    class_mask     bool (K,) or of the logits' shape: False takes the class out of the softmax, and the label is
                   conditioned on the classes left (infinite loss where it has nothing there)
    ignore_index   of integer targets; a label distribution brings its own, a row of zeros is ignored as well
    reduction      "mean" divides by the mass once and is 0 for a batch without mass; "sum"; "none" is each element's
                   mass times its loss; for a division over several batches or processes see `sum_and_mass`
    fused          False takes a chain of ordinary operations: for a second backward through one loss, derivatives of
                   the gradient, and torch.func (which takes it by itself, as does a target or weight with a gradient)

    Equal to torch.nn.functional.cross_entropy for class indices, except that a batch without mass gives 0, not NaN.
    A logit of minus infinity counts only where the label has mass. Nothing is checked that would wait for a GPU.
    Raises ValueError or TypeError for shapes and kinds that do not fit.
    Source: Szegedy et al., CVPR 2016, section 7, which has the gradient as well.

    >>> import torch
    >>> import softlabel as sl
    >>> logits = torch.tensor([[2.0, 0.0, 0.0]], requires_grad=True)
    >>> label = sl.labels.votes(torch.tensor([[3, 1, 0]]))
    >>> sl.losses.cross_entropy(logits, label).backward()
    >>> logits.grad  # softmax(logits) - label
    tensor([[ 0.0370, -0.1435,  0.1065]])
    """
    check_reduction(reduction)
    return compute.value(
        CROSS_ENTROPY, logits, target, weight, sample_weight, mask, class_mask, ignore_index, reduction, fused
    )
