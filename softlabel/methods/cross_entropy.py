"""Cross-entropy with the task's own labels: the baseline of every comparison."""

from __future__ import annotations

from softlabel.data.batch import Batch
from softlabel.losses import cross_entropy, sum_and_mass
from softlabel.methods.base.method import Method, Terms


class CrossEntropy(Method):
    """Hard labels as they are; votes as the distribution they are."""

    any_shape = True

    def forward(self, batch: Batch) -> Terms:
        label = self.task.label(batch.annotation)
        return {"cross_entropy": sum_and_mass(cross_entropy, self.network(batch.inputs), label)}
