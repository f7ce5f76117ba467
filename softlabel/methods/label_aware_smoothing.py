"""Label-aware smoothing (Zhong et al., CVPR 2021, MiSLAS, section 3.3), in one stage."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor

from softlabel.data.batch import Batch
from softlabel.labels.label_aware import class_epsilon
from softlabel.losses import cross_entropy
from softlabel.methods.classifier_labels import spread
from softlabel.methods.method import Method, MethodConfig, Share, Terms, TrainingSet
from softlabel.networks.network import Network
from softlabel.tasks.task import Task


class LabelAwareSmoothing(Method):
    """Labels of frequent classes are smoothed more than those of rare ones."""

    needs_one_class = True

    class Config(MethodConfig):
        head_epsilon: Share = Field(0.3, description="share that is spread in the most frequent class")
        tail_epsilon: Share = Field(0.0, description="share that is spread in the rarest class")
        form: Literal["concave", "linear", "convex"] = Field("concave", description="how the share falls in between")

    epsilon: Tensor

    def __init__(self, config: MethodConfig, network: Network, task: Task, training_set: TrainingSet) -> None:
        super().__init__(config, network, task, training_set)
        asked = self.config
        epsilon = class_epsilon(training_set.class_counts, asked.head_epsilon, asked.tail_epsilon, asked.form)
        self.register_buffer("epsilon", epsilon, persistent=False)

    def forward(self, batch: Batch) -> Terms:
        index = self.task.index(batch.annotation)
        # the paper spreads over the other classes; (others, epsilon) is (uniform, epsilon K / (K - 1))
        share = (self.epsilon * self.num_classes / (self.num_classes - 1)).clamp_max(1)[index]
        label = spread(self.task.label(batch.annotation), index, share)
        return {"cross_entropy": cross_entropy(self.network(batch.inputs), label, reduction="sum_and_mass")}
