"""Logit adjustment (Menon et al., ICLR 2021, equations 9 and 10): the class prior, in the loss or afterwards."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor

from softlabel.data.batch import Batch
from softlabel.losses import cross_entropy, sum_and_mass
from softlabel.methods.base.method import Method, MethodConfig, Terms, TrainingSet
from softlabel.networks.network import Network
from softlabel.read_only_with import ReadOnlyWith
from softlabel.tasks.task import Task

_ADJUSTS = ReadOnlyWith("tau above 0", lambda own, _: own.tau > 0)


class LogitAdjustment(Method):
    """loss: trains softmax(z + tau log prior) and answers softmax(z); post-hoc: answers softmax(z - tau log prior)."""

    class Config(MethodConfig):
        tau: float = Field(
            1.0, ge=0, le=1e6, description="how much of the prior is taken out; 1 in the loss: Balanced Softmax"
        )
        when: Annotated[Literal["loss", "post-hoc"], _ADJUSTS] = Field(
            "loss", description="in the training loss, or only in the answers"
        )

    log_prior: Tensor

    def __init__(self, config: MethodConfig, network: Network, task: Task, training_set: TrainingSet) -> None:
        super().__init__(config, network, task, training_set)
        counts = training_set.class_counts.clamp_min(1)  # a class without samples counts as one
        self.register_buffer("log_prior", (counts / counts.sum()).log().float(), persistent=False)

    def forward(self, batch: Batch) -> Terms:
        logits = self.network(batch.inputs)
        if self.config.when == "loss":
            logits = logits + self.config.tau * self.log_prior
        return {"cross_entropy": sum_and_mass(cross_entropy, logits, self.task.label(batch.annotation))}

    def adjust(self, logits: Tensor) -> Tensor:
        if self.config.when == "loss":
            return logits
        tau: float = self.config.tau
        return logits - tau * self.log_prior.to(logits.device)

    @property
    def corrects_prior(self) -> bool:
        return bool(self.config.tau > 0)
