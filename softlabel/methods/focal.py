"""The focal loss (Lin et al., ICCV 2017): samples that are already right count less."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor

from softlabel.data.batch import Batch
from softlabel.losses import effective_number, focal_loss, inverse_frequency
from softlabel.methods.method import Method, MethodConfig, Terms, TrainingSet
from softlabel.networks.network import Network
from softlabel.tasks.task import Task


class Focal(Method):
    """Each class's term of the cross-entropy is multiplied by (1 - p)^gamma, and optionally by a class weight."""

    class Config(MethodConfig):
        gamma: float = Field(2.0, ge=0, le=1e6, description="power of 1 - p; 0 is cross-entropy")
        weighting: Literal["none", "inverse", "effective"] = Field("none", description="weights of the classes")
        beta: float = Field(0.9999, ge=0, lt=1, description="beta of the effective numbers")

    weight: Tensor | None

    def __init__(self, config: MethodConfig, network: Network, task: Task, training_set: TrainingSet) -> None:
        super().__init__(config, network, task, training_set)
        self.register_buffer("weight", self._class_weight(training_set.class_counts), persistent=False)

    def _class_weight(self, counts: Tensor) -> Tensor | None:
        if self.config.weighting == "none":
            return None
        inverse = self.config.weighting == "inverse"
        return (inverse_frequency(counts) if inverse else effective_number(counts, self.config.beta)).float()

    def forward(self, batch: Batch) -> Terms:
        logits, label = self.network(batch.inputs), self.task.label(batch.annotation)
        return {"focal": focal_loss(logits, label, self.config.gamma, weight=self.weight)}

    @property
    def corrects_prior(self) -> bool:
        return bool(self.config.weighting != "none")
