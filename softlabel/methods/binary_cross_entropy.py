"""Sigmoid binary cross-entropy: every label by itself; the usual loss of multi-label networks, and their baseline."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F

from softlabel.data.batch import Batch
from softlabel.losses import SumAndMass
from softlabel.methods.base.method import Method, Terms
from softlabel.metrics.truth import read_levels
from softlabel.networks.network import Network
from softlabel.tasks.link import Link
from softlabel.tasks.task import Task


class BinaryCrossEntropy(Method):
    """The mean over rows of the sum over labels; difficult labels are left out, rows without any label are not.

    PyTorch's own mean is over rows and labels, and so smaller by the number of labels.
    """

    link: ClassVar[Link] = "sigmoid"

    @classmethod
    def supports(cls, task: Task, network: Network) -> str | None:
        if task.several_labels:
            return None
        return f"it decides on every label by itself, and of the labels of the task {task.name} only one is true"

    def forward(self, batch: Batch) -> Terms:
        return {"binary_cross_entropy": binary_cross_entropy(self.network(batch.inputs), batch.annotation)}


def binary_cross_entropy(logits: Tensor, level: Tensor) -> SumAndMass:
    """-sum_k [y_k log s(z_k) + (1 - y_k) log(1 - s(z_k))] over the labels that are not difficult: (N, K) twice."""
    true = read_levels(level)
    logits = logits.float()
    loss = F.binary_cross_entropy_with_logits(logits, true.positive.float(), true.counted.float(), reduction="sum")
    return SumAndMass(loss, loss.new_tensor(float(len(logits))))
