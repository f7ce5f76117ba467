"""Label smoothing (Szegedy et al., CVPR 2016; Müller et al., NeurIPS 2019, section 1)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from softlabel.data.batch import Batch
from softlabel.errors import ConfigError
from softlabel.labels import mix, smoothed
from softlabel.losses import cross_entropy, sum_and_mass
from softlabel.methods.base.method import Method, MethodConfig, Share, Terms, TrainingSet
from softlabel.networks.network import Network
from softlabel.read_only_with import ReadOnlyWith
from softlabel.tasks.task import Task

_SMOOTHS = ReadOnlyWith("epsilon above 0", lambda own, _: own.epsilon > 0)


class LabelSmoothing(Method):
    """A share epsilon of every label is spread over the classes; votes are smoothed the same way."""

    class Config(MethodConfig):
        epsilon: Share = Field(0.1, description="share of the label that is spread")
        convention: Annotated[Literal["uniform", "others"], _SMOOTHS] = Field(
            "uniform", description="uniform: over all classes (PyTorch); others: over all but the label's own"
        )

    def __init__(self, config: MethodConfig, network: Network, task: Task, training_set: TrainingSet) -> None:
        super().__init__(config, network, task, training_set)
        if self.uniform_share > 1:
            limit = (self.num_classes - 1) / self.num_classes
            raise ConfigError(
                f"label_smoothing: epsilon {self.config.epsilon:g} with convention 'others' gives the label's own class"
                f" less than the rest; with {self.num_classes} classes epsilon is at most {limit:g}"
            )

    def forward(self, batch: Batch) -> Terms:
        index = self.task.index(batch.annotation)
        uniform = smoothed(index, self.num_classes, 1.0, validate=False)
        label = mix(uniform, self.task.label(batch.annotation), self.uniform_share)
        return {"cross_entropy": sum_and_mass(cross_entropy, self.network(batch.inputs), label)}

    @property
    def uniform_share(self) -> float:
        """Epsilon in the uniform convention: (others, epsilon) is (uniform, epsilon K / (K - 1))."""
        if self.config.convention == "uniform":
            return float(self.config.epsilon)
        return float(self.config.epsilon) * self.num_classes / (self.num_classes - 1)
