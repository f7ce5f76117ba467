"""Regression: one number a sample, by its absolute or squared error; the baseline of label distributions."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from softlabel.data.batch import Batch
from softlabel.losses import SumAndMass
from softlabel.methods.base.axis_method import AxisMethod
from softlabel.methods.base.method import MethodConfig, Terms, TrainingSet
from softlabel.networks.heads import HeadName, ValueHead
from softlabel.networks.network import Network
from softlabel.tasks.task import Task


class Regression(AxisMethod):
    """The network answers with a number; errors are measured in standard deviations of the training values."""

    class Config(MethodConfig):
        error: Literal["absolute", "squared"] = Field("absolute", description="L1 or L2 loss")

    head_kind: ClassVar[HeadName] = "value"

    def __init__(self, config: MethodConfig, network: Network, task: Task, training_set: TrainingSet) -> None:
        super().__init__(config, network, task, training_set)
        assert isinstance(network.head, ValueHead)
        share = training_set.class_counts.double() / training_set.class_counts.sum()
        center = float(share @ self.grid.double())
        variance = float(share @ (self.grid.double() - center).square())
        network.head.set_axis(self.grid, center, max(variance, 1e-12) ** 0.5)

    def forward(self, batch: Batch) -> Terms:
        head = self.network.head
        assert isinstance(head, ValueHead)
        value = head.value(self.network.features(batch.inputs).pooled).float()
        error = (value - batch.annotation[:, 0]) / head.scale[1]
        error = error.abs() if self.config.error == "absolute" else error.square()
        return {"error": SumAndMass(error.sum(), error.new_tensor(float(len(error))))}
