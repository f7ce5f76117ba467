"""The focal loss (Lin et al., ICCV 2017): samples that are already right count less.

Published with a sigmoid for every class, which is `form = "sigmoid"`; the softmax form, in which the classes of a row
compete, is that of the released code of Cao et al. (NeurIPS 2019) and of much other code for one class a row. Of binary
answers that exactly one is true of a row, class k has the share exp z_k / sum_j exp z_j: so where one is true, both are
read by the softmax.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor

from softlabel.data.batch import Batch
from softlabel.errors import ConfigError
from softlabel.losses import (
    SumAndMass,
    effective_number,
    focal_loss,
    inverse_frequency,
    sigmoid_focal_loss,
    sum_and_mass,
)
from softlabel.methods.base.method import Method, MethodConfig, Terms, TrainingSet
from softlabel.metrics.truth import read_levels
from softlabel.networks.network import Network
from softlabel.read_only_with import ReadOnlyWith
from softlabel.tasks.link import Link
from softlabel.tasks.task import Task

_EFFECTIVE = ReadOnlyWith("weighting effective", lambda own, _: own.weighting == "effective")


class Focal(Method):
    """Each class's term of the cross-entropy is multiplied by (1 - p)^gamma, and optionally by a class weight."""

    class Config(MethodConfig):
        form: Literal["softmax", "sigmoid"] = Field(
            "softmax", description="classes that compete, or each by itself, as published"
        )
        gamma: float = Field(2.0, ge=0, le=1e6, description="power of 1 - p; 0 is cross-entropy")
        weighting: Literal["none", "inverse", "effective"] = Field("none", description="weights of the classes")
        beta: Annotated[float, _EFFECTIVE] = Field(0.9999, ge=0, lt=1, description="beta of the effective numbers")

    weight: Tensor | None

    @classmethod
    def link_of(cls, config: MethodConfig, task: Task) -> Link:
        decides = isinstance(config, cls.Config) and config.form == "sigmoid"
        return "sigmoid" if decides and task.several_labels else "softmax"

    def __init__(self, config: MethodConfig, network: Network, task: Task, training_set: TrainingSet) -> None:
        super().__init__(config, network, task, training_set)
        if self.config.weighting != "none" and task.link == "sigmoid":
            raise ConfigError(
                "methods.focal.weighting: weights are those of a row's one class, and a row of the task "
                f"{task.name} can have several; expected none beside form sigmoid"
            )
        self.register_buffer("weight", self._class_weight(training_set.class_counts), persistent=False)

    def _class_weight(self, counts: Tensor) -> Tensor | None:
        if self.config.weighting == "none":
            return None
        inverse = self.config.weighting == "inverse"
        return (inverse_frequency(counts) if inverse else effective_number(counts, self.config.beta)).float()

    def forward(self, batch: Batch) -> Terms:
        logits = self.network(batch.inputs)
        if self.config.form == "softmax":
            label = self.task.label(batch.annotation)
            gamma, weight = self.config.gamma, self.weight
            return {"focal": sum_and_mass(focal_loss, logits, label, gamma, weight=weight, fused=False)}
        if self.task.link == "sigmoid":
            return {"focal": self._of_levels(logits, batch.annotation)}
        return {"focal": self._of_one_class(logits, batch.annotation)}

    def _of_levels(self, logits: Tensor, level: Tensor) -> SumAndMass:
        """The sum over the labels of a row that are not difficult, as `binary_cross_entropy` has it."""
        true = read_levels(level)
        each = sigmoid_focal_loss(logits, true.positive, self.config.gamma, reduction="none")
        loss = (each * true.counted).sum()
        return SumAndMass(loss, loss.new_tensor(float(len(logits))))

    def _of_one_class(self, logits: Tensor, annotation: Tensor) -> SumAndMass:
        """The sum over the classes of a row, which its label's weight multiplies as a whole (Cui et al., CVPR 2019)."""
        label = self.task.label(annotation)
        loss = sigmoid_focal_loss(logits, label.dense(), self.config.gamma, reduction="none").sum(-1)
        mass = label.mass.to(loss.dtype)
        if self.weight is not None:
            mass = mass * label.expectation(self.weight)
        return SumAndMass((loss * mass).sum(), mass.sum())

    @property
    def corrects_prior(self) -> bool:
        return bool(self.config.weighting != "none")
