"""Balanced Softmax (Ren et al., NeurIPS 2020, equation 3): the training prior is part of the training softmax."""

from __future__ import annotations

from torch import Tensor

from softlabel.data.batch import Batch
from softlabel.losses import cross_entropy, sum_and_mass
from softlabel.methods.base.method import Method, MethodConfig, Terms, TrainingSet
from softlabel.networks.network import Network
from softlabel.tasks.task import Task


class BalancedSoftmax(Method):
    """Trains softmax(z + log n) and answers softmax(z): logit adjustment in the loss with tau 1."""

    log_counts: Tensor

    def __init__(self, config: MethodConfig, network: Network, task: Task, training_set: TrainingSet) -> None:
        super().__init__(config, network, task, training_set)
        counts = training_set.class_counts.clamp_min(1)  # a class without samples counts as one
        self.register_buffer("log_counts", counts.log().float(), persistent=False)

    def forward(self, batch: Batch) -> Terms:
        logits = self.network(batch.inputs) + self.log_counts
        return {"cross_entropy": sum_and_mass(cross_entropy, logits, self.task.label(batch.annotation))}

    @property
    def corrects_prior(self) -> bool:
        return True
