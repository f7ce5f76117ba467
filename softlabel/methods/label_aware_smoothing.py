"""Label-aware smoothing (Zhong et al., CVPR 2021, MiSLAS, section 3.3), in one stage."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor

from softlabel.data.batch import Batch
from softlabel.errors import ConfigError
from softlabel.labels.label_aware import class_epsilon, uniform_share
from softlabel.losses import cross_entropy, sum_and_mass
from softlabel.methods.base.classifier_labels import spread
from softlabel.methods.base.method import Method, MethodConfig, Share, Terms, TrainingSet
from softlabel.networks.network import Network
from softlabel.read_only_with import ReadOnlyWith
from softlabel.tasks.task import Task

DIFFER = ReadOnlyWith("head_epsilon and tail_epsilon that differ", lambda own, _: own.head_epsilon != own.tail_epsilon)


class LabelAwareSmoothing(Method):
    """Labels of frequent classes are smoothed more than those of rare ones."""

    needs_one_class = True

    class Config(MethodConfig):
        head_epsilon: Share = Field(0.3, description="share that is spread in the most frequent class")
        tail_epsilon: Share = Field(0.0, description="share that is spread in the rarest class")
        form: Annotated[Literal["concave", "linear", "convex"], DIFFER] = Field(
            "concave", description="how the share falls in between"
        )

    share: Tensor

    def __init__(self, config: MethodConfig, network: Network, task: Task, training_set: TrainingSet) -> None:
        super().__init__(config, network, task, training_set)
        self.register_buffer("share", share_of_classes(self, training_set.class_counts, "others"), persistent=False)

    def forward(self, batch: Batch) -> Terms:
        index = self.task.index(batch.annotation)
        label = spread(self.task.label(batch.annotation), index, self.share[index])
        return {"cross_entropy": sum_and_mass(cross_entropy, self.network(batch.inputs), label)}


def share_of_classes(method: Method, counts: Tensor, convention: Literal["uniform", "others"]) -> Tensor:
    """What a label of each class spreads over all classes, (K,), from their rows (K,); in the paper over the others.

    Raises ConfigError where head_epsilon or tail_epsilon is more than can go to the other ones.
    """
    asked = method.config
    epsilon = class_epsilon(counts, asked.head_epsilon, asked.tail_epsilon, asked.form)
    if convention == "uniform":
        return epsilon
    option = "head_epsilon" if asked.head_epsilon >= asked.tail_epsilon else "tail_epsilon"
    try:
        return uniform_share(epsilon)
    except ValueError as error:
        raise ConfigError(f"methods.{type(method).__module__.rpartition('.')[2]}.{option}: {error}") from None
