"""MiSLAS (Zhong et al., CVPR 2021): mixup, then label-aware smoothing of a scaled head, with shifted batch-norm.

Stage 1 is mixup with alpha 1, stage 2 lasts 10 epochs. Defaults are those published for CIFAR-10-LT, imbalance 100;
for CIFAR-100-LT, imbalance 100: head_epsilon 0.4, tail_epsilon 0.1, batch_norm shift, rate_factor 0.2.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor

from softlabel.labels import LabelDistribution
from softlabel.methods.base.classifier_labels import spread
from softlabel.methods.base.decoupled import ClassifierConfig
from softlabel.methods.base.method import MethodConfig, Share, TrainingSet
from softlabel.methods.label_aware_smoothing import DIFFER, share_of_classes
from softlabel.methods.lws import LearnableWeightScaling
from softlabel.networks.network import Network
from softlabel.read_only_with import ReadOnlyWith
from softlabel.tasks.task import Task

_LABEL_AWARE = ReadOnlyWith("classifier_labels label_aware", lambda own, _: own.classifier_labels == "label_aware")
_SPREADS = ReadOnlyWith(
    "head_epsilon or tail_epsilon above 0", lambda own, _: own.head_epsilon > 0 or own.tail_epsilon > 0
)


class MiSLAS(LearnableWeightScaling):
    """The head goes on slowly and is scaled per class; frequent classes are smoothed more than rare ones."""

    class Config(ClassifierConfig):
        representation: str = Field("mixup", description="one-stage method of the first stage")
        classifier_labels: Literal["label_aware", "hard", "label_smoothing", "online_label_smoothing"] = Field(  # type: ignore[assignment]
            "label_aware", description="labels of the second stage"
        )
        head_epsilon: Annotated[Share, _LABEL_AWARE] = Field(
            0.3, description="share that is spread in the most frequent class"
        )
        tail_epsilon: Annotated[Share, _LABEL_AWARE] = Field(
            0.0, description="share that is spread in the rarest class"
        )
        form: Annotated[Literal["concave", "linear", "convex"], _LABEL_AWARE, DIFFER] = Field(
            "concave", description="how the share falls in between"
        )
        convention: Annotated[Literal["uniform", "others"], _LABEL_AWARE, _SPREADS] = Field(
            "uniform", description="uniform: as the published code; others: as the paper writes it"
        )
        rate_factor: float = Field(
            0.5, ge=0, le=1e6, description="learning rate of the head's weights over that of its scales"
        )

    share: Tensor

    def __init__(self, config: MethodConfig, network: Network, task: Task, training_set: TrainingSet) -> None:
        super().__init__(config, network, task, training_set)
        self.register_buffer(
            "share", share_of_classes(self, training_set.class_counts, self.config.convention), persistent=False
        )

    @property
    def rate_factor(self) -> float:
        return float(self.config.rate_factor)

    def classifier_label(self, annotation: Tensor, logits: Tensor) -> LabelDistribution:
        if self.config.classifier_labels != "label_aware":
            return super().classifier_label(annotation, logits)
        index = self.task.index(annotation)
        return spread(self.task.label(annotation), index, self.share[index])
