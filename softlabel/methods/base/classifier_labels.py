"""The labels of a classifier that is trained on a frozen representation: hard, smoothed, or online."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from softlabel.labels import LabelDistribution, OnlineTable, from_table, mix, smoothed
from softlabel.tasks.task import Task

LabelKind = Literal["hard", "label_smoothing", "online_label_smoothing"]


def spread(label: LabelDistribution, index: Tensor, share: float | Tensor) -> LabelDistribution:
    """A share, one number or (N,), of each label spread evenly over the classes; index (N,) is a class of each."""
    return mix(smoothed(index, label.num_classes, 1.0, validate=False), label, share)


class ClassifierLabels:
    """Makes the label of a batch.

    epsilon       share that label smoothing spreads
    hard_weight   share of the sample's own label beside the online one
    table         the running table of online label smoothing, None for the other kinds
    """

    def __init__(self, kind: LabelKind, task: Task, epsilon: float, hard_weight: float) -> None:
        self.kind = kind
        self.task = task
        self.epsilon = epsilon
        self.hard_weight = hard_weight
        self.table = OnlineTable(task.num_classes, epsilon) if kind == "online_label_smoothing" else None

    def label(self, annotation: Tensor, logits: Tensor) -> LabelDistribution:
        """The label of a batch: annotation as in `Batch`, logits (N, K)."""
        label = self.task.label(annotation)
        if self.kind == "hard":
            return label
        index = self.task.index(annotation)
        if self.table is None:
            return spread(label, index, self.epsilon)
        self.table.observe(logits.detach(), index)  # the table is a label, not a path for gradients
        return mix(label, from_table(index, self.table.current, validate=False), self.hard_weight)
