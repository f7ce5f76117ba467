"""Accuracy on classes with many, a medium number of, and few training samples (Liu et al. 2019, section 5)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from softlabel.metrics.balanced_accuracy import BalancedAccuracy
from softlabel.metrics.row_mean import mean_over_classes

GroupName = Literal["many", "medium", "few"]
GROUP_NAMES: tuple[GroupName, ...] = ("many", "medium", "few")
MANY_ABOVE = 100
FEW_BELOW = 20


def class_groups(training_counts: Tensor, rule: Literal["counts", "thirds"] = "counts") -> dict[GroupName, Tensor]:
    """Which classes are in each group: (K,) counts -> {"many", "medium", "few"} of (K,) bool.

    counts  many: more than 100 training samples; few: fewer than 20; medium: the rest
    thirds  the classes in order of their counts (ties in order of index), cut into three runs; where K is no
            multiple of 3, the groups with more samples get one class more
    Source: Liu et al., CVPR 2019, section 5.

    >>> import torch
    >>> from softlabel.metrics.groups import class_groups
    >>> {name: members.tolist() for name, members in class_groups(torch.tensor([500, 50, 5])).items()}
    {'many': [True, False, False], 'medium': [False, True, False], 'few': [False, False, True]}
    """
    counts = torch.as_tensor(training_counts, dtype=torch.float64)
    if rule == "counts":
        many, few = counts > MANY_ABOVE, counts < FEW_BELOW
        return {"many": many, "medium": ~many & ~few, "few": few}
    order = torch.argsort(counts, descending=True, stable=True)
    groups = {name: torch.zeros(len(counts), dtype=torch.bool, device=counts.device) for name in GROUP_NAMES}
    for member, classes in zip(groups.values(), torch.tensor_split(order, 3), strict=True):
        member[classes] = True
    return groups


class GroupAccuracy(BalancedAccuracy):
    """The mean of the accuracies of a group's classes; NaN when the test rows hold none of them.

    Source: Liu et al., CVPR 2019, section 5.

    >>> import torch
    >>> from softlabel.metrics.groups import GroupAccuracy
    >>> from softlabel.metrics.ranking import stream
    >>> score = stream(GroupAccuracy("few", torch.tensor([False, True])))
    >>> score.update(torch.tensor([[0.9, 0.1]] * 4).log(), torch.tensor([0, 0, 0, 1]))
    >>> round(score.compute(), 3)  # of class 1
    0.0
    """

    def __init__(self, name: str, members: Tensor) -> None:
        super().__init__(len(members))
        self.members = members
        self.name = f"accuracy_{name}"
        self.title = f"accuracy, {name}"

    def value(self, sums: Tensor) -> Tensor:
        return mean_over_classes(sums, self.members)


def group_accuracies(
    training_counts: Tensor, rule: Literal["counts", "thirds"] = "counts"
) -> tuple[GroupAccuracy, ...]:
    """The accuracies of the groups of `class_groups`: many, medium, few.

    Source: Liu et al., CVPR 2019, section 5.

    >>> import torch
    >>> from softlabel.metrics.groups import group_accuracies
    >>> from softlabel.metrics.ranking import stream
    >>> many, medium, few = map(stream, group_accuracies(torch.tensor([500, 50, 5])))
    >>> many.update(torch.tensor([[0.9, 0.1, 0.0], [0.8, 0.2, 0.0], [0.6, 0.0, 0.4]]).log(), torch.tensor([0, 0, 2]))
    >>> many.compute()
    1.0
    """
    return tuple(GroupAccuracy(name, members) for name, members in class_groups(training_counts, rule).items())
