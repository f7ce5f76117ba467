"""Cost-sensitive cross-entropy: inverse frequency or effective numbers (Cui et al., CVPR 2019), deferred on request."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from softlabel.data.batch import Batch
from softlabel.labels import LabelDistribution
from softlabel.losses import cross_entropy, effective_number, inverse_frequency, sum_and_mass
from softlabel.methods.base.method import Method, MethodConfig, Share, Terms, TrainingSet
from softlabel.networks.network import Network
from softlabel.read_only_with import ReadOnlyWith
from softlabel.tasks.task import Task

_WEIGHTS = ReadOnlyWith(
    "an epoch left after the share `defer` of them",
    lambda own, run: own.weighs(run.training.epochs - 1, run.training.epochs),
)
_UNEQUAL = ReadOnlyWith(
    "beta above 0 or another weighting", lambda own, _: own.beta > 0 or own.weighting != "effective"
)
_EFFECTIVE = ReadOnlyWith("weighting effective", lambda own, _: own.weighting == "effective")


class WeightingConfig(MethodConfig):
    """How classes are weighted, and from when on."""

    weighting: Annotated[Literal["inverse", "square-root", "effective"], _WEIGHTS] = Field(
        "effective", description="inverse: 1/n; square-root: n^-0.5; effective: (1 - beta) / (1 - beta^n)"
    )
    beta: Annotated[float, _EFFECTIVE, _WEIGHTS] = Field(
        0.9999, ge=0, lt=1, description="beta of the effective numbers"
    )
    defer: Annotated[Share, _UNEQUAL] = Field(
        0.0, description="share of the epochs before the weights count (0.8: DRW of Cao et al., 2019)"
    )

    def weighs(self, epoch: int, epochs: int) -> bool:
        """Whether the weights count in this epoch, from 0, of so many."""
        return epoch >= self.defer * epochs

    def weights(self, class_counts: Tensor) -> Tensor:
        """One weight per class, float32 (K,), adding up to K."""
        if self.weighting == "effective":
            return effective_number(class_counts, self.beta).float()
        return inverse_frequency(class_counts, 1.0 if self.weighting == "inverse" else 0.5).float()


class ClassWeighted(Method):
    """A sample counts as much as its class is rare; what is learned as true stays the label itself."""

    Config = WeightingConfig
    weight: Tensor

    def __init__(self, config: MethodConfig, network: Network, task: Task, training_set: TrainingSet) -> None:
        super().__init__(config, network, task, training_set)
        self.register_buffer("weight", self.config.weights(training_set.class_counts), persistent=False)
        self.weighs = self.config.defer == 0

    def begin_epoch(self, epoch: int, epochs: int) -> None:
        self.weighs = self.config.weighs(epoch, epochs)

    def forward(self, batch: Batch) -> Terms:
        label = self.task.label(batch.annotation)
        weight = self.weight if self.weighs else torch.ones_like(self.weight)
        return {"cross_entropy": sum_and_mass(cross_entropy, self.logits(batch, label), label, weight=weight)}

    def logits(self, batch: Batch, label: LabelDistribution) -> Tensor:
        """Those (N, K) that are compared with the label while training."""
        return self.network(batch.inputs)  # type: ignore[no-any-return]

    @property
    def corrects_prior(self) -> bool:
        return bool(self.weight.min() < self.weight.max()) and self.config.defer < 1
