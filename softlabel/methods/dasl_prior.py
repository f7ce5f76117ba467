"""DaSL with a second stage of ours: a frozen auxiliary network whose soft labels have the class prior taken out.

Not published. DaSL (Wang et al., Neural Networks 151, 2022) asks for soft labels in stage 2 that the representation of
stage 1 does not make. Here the auxiliary network stays as stage 1 left it, and its logits lose the log of the class
frequencies that it was trained under: z_a - log pi, as in logit adjustment (Menon et al., ICLR 2021). So its labels
stay soft for rare classes, of which a network that is trained on few samples soon becomes certain. Label-level
distillation has the factor T^2 that is usual in distillation.
"""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from softlabel.methods.base.method import MethodConfig, TrainingSet
from softlabel.methods.dasl import AuxiliaryLabelsConfig, DaSL
from softlabel.networks.network import Network
from softlabel.tasks.task import Task


class DaSLPriorConfig(AuxiliaryLabelsConfig):
    """The same, with the weights that suit it."""

    scale_by_temperature: bool = Field(True, description="label-level distillation times T^2, as in distillation")


class DaSLPrior(DaSL):
    """As `dasl`, but stage 2 learns from a frozen auxiliary network less log class prior; ours, not the paper's."""

    Config = DaSLPriorConfig
    log_prior: Tensor

    def __init__(self, config: MethodConfig, network: Network, task: Task, training_set: TrainingSet) -> None:
        super().__init__(config, network, task, training_set)
        counts = training_set.class_counts.clamp_min(1)  # a class without samples counts as one
        self.register_buffer("log_prior", (counts / counts.sum()).log().float(), persistent=False)

    def begin_auxiliary(self) -> None:
        """It stays as it is."""

    def classifier_teacher(self, auxiliary_logits: Tensor) -> Tensor:
        return auxiliary_logits - self.log_prior
