"""What is to be computed, apart from the logits: which loss, labels, masses, and the classes that take part."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from softlabel.labels import LabelDistribution
from softlabel.labels.amounts import accumulation_dtype, per_row
from softlabel.losses.engine.class_mask import expected_weight
from softlabel.losses.engine.fused_loss import FusedLoss
from softlabel.losses.engine.target import align_class_mask, as_label
from softlabel.losses.engine.weight import Numbers, real_numbers


@dataclass(frozen=True)
class Asked:
    """Shapes, class axis last: label and mass (...), class_mask None, (K,) or (..., K).

    No mass means 1 for every element.
    """

    loss: FusedLoss
    label: LabelDistribution
    mass: Tensor | None
    class_mask: Tensor | None

    @property
    def learned(self) -> bool:
        """Whether a gradient is asked for something else than the logits."""
        return self.label.requires_grad or (self.mass is not None and self.mass.requires_grad)

    def total_mass(self, like: Tensor) -> Tensor:
        """The sum of the masses, ()."""
        if self.mass is None:
            return like.new_full((), self.label.shape.numel(), dtype=accumulation_dtype(like.dtype))
        return self.mass.sum()


def ask(
    loss: FusedLoss,
    logits: Tensor,
    target: Tensor | LabelDistribution,
    axis: int,
    weight: Tensor | None,
    sample_weight: Numbers | None,
    mask: Tensor | None,
    class_mask: Tensor | None,
    ignore_index: int,
) -> Asked:
    """From the arguments of a loss, its class weight checked already."""
    label = as_label(target, logits, ignore_index)
    left = None if class_mask is None else align_class_mask(class_mask, logits, axis)
    dtype = accumulation_dtype(logits.dtype)
    return Asked(loss, label, element_mass(label, dtype, weight, sample_weight, mask, left), left)


def element_mass(
    label: LabelDistribution,
    dtype: torch.dtype,
    weight: Tensor | None,
    sample_weight: Numbers | None,
    mask: Tensor | None,
    class_mask: Tensor | None,
) -> Tensor | None:
    """The mass of each element: <q, weight> · sample_weight, 0 where ignored or masked; None where all are 1."""
    own = label.mass_or_none()
    factors = [] if own is None else [own]
    if weight is not None:
        factors.append(expected_weight(label, weight, class_mask))
    if sample_weight is not None:
        factors.append(
            per_row(real_numbers(sample_weight, "sample_weight").to(label.device), label.shape, "sample_weight")
        )
    if mask is not None:
        factors.append(per_row(mask, label.shape, "mask"))
    if not factors:
        return None
    mass = factors[0].to(dtype)
    for factor in factors[1:]:
        mass = mass * factor.to(dtype)
    return mass
