"""LDAM with deferred re-weighting (Cao et al., NeurIPS 2019, equations 12 and 13): rare classes get wider margins."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor

from softlabel.data.batch import Batch
from softlabel.labels import LabelDistribution
from softlabel.methods.base.method import MethodConfig, TrainingSet
from softlabel.methods.class_weighted import ClassWeighted, WeightingConfig
from softlabel.networks.heads import CosineHead, HeadName
from softlabel.networks.network import Network
from softlabel.tasks.task import Task


class LDAM(ClassWeighted):
    """Cosine logits, from which the label's own class loses a margin proportional to n^(-1/4) while training."""

    class Config(WeightingConfig):
        scale: float = Field(30.0, gt=0, le=1e6, description="factor of the cosines")
        margin: float = Field(0.5, ge=0, le=1e6, description="margin of the rarest class, in cosine")
        defer: float = Field(0.8, ge=0, le=1, description="share of the epochs before classes are weighted (DRW)")

    head_kind: ClassVar[HeadName] = "cosine"
    margins: Tensor

    def __init__(self, config: MethodConfig, network: Network, task: Task, training_set: TrainingSet) -> None:
        super().__init__(config, network, task, training_set)
        assert isinstance(network.head, CosineHead)
        network.head.scale.fill_(self.config.scale)
        raw = training_set.class_counts.double().clamp_min(1) ** -0.25
        self.register_buffer("margins", (raw * (self.config.margin / raw.max())).float(), persistent=False)

    def logits(self, batch: Batch, label: LabelDistribution) -> Tensor:
        # of a soft label each class loses its share of its own margin
        logits: Tensor = super().logits(batch, label) - self.config.scale * self.margins * label.dense()
        return logits

    @property
    def corrects_prior(self) -> bool:
        return True
