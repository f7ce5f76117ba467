"""DiVE, virtual examples from a balanced teacher (He et al., ICCV 2021), as in the released code.

Teacher and student are trained with Balanced Softmax; the teacher's softened predictions are "virtual examples" of the
other classes, which rare classes get from frequent ones. A power below 1 flattens its distribution further.

    L = (1 - a) CE(y, z + log n) + a T^2 KL(softmax(z_t / T)^power, normalised || softmax(z / T))

The teacher's term sees the logits that answer, without log n.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from softlabel.data.batch import Batch
from softlabel.labels import dense
from softlabel.losses import cross_entropy, kl_divergence, sum_and_mass
from softlabel.losses.engine.reduction import SumAndMass
from softlabel.methods.balanced_softmax import BalancedSoftmax
from softlabel.methods.base.method import Method, MethodConfig, Share, Terms, TrainingSet
from softlabel.methods.base.stage import Stage
from softlabel.networks.network import Network
from softlabel.read_only_with import ReadOnlyWith
from softlabel.tasks.task import Task

_TEACHER = ReadOnlyWith("distillation above 0", lambda own, _: own.distillation > 0)
_LABEL = ReadOnlyWith("distillation below 1", lambda own, _: own.distillation < 1)


class DiVE(Method):
    """Stage 1 trains the teacher, stage 2 a student of the same network, from the weights the teacher began with."""

    trained_networks = ("teacher",)

    class Config(MethodConfig):
        distillation: Share = Field(0.5, description="share of the teacher's term; the rest is the label's")
        temperature: Annotated[float, _TEACHER] = Field(
            2.0, gt=0, le=1e6, description="temperature of teacher and student"
        )
        power: Annotated[float, _TEACHER] = Field(
            0.5, gt=0, le=1e6, description="power of the teacher's probabilities, before normalising again"
        )
        student_loss: Annotated[Literal["cross_entropy", "balanced_softmax"], _LABEL] = Field(
            "balanced_softmax", description="the student's own term; cross_entropy leaves balance to the teacher alone"
        )
        teacher: str | None = Field(None, description="run folder of a trained teacher, instead of stage 1")

    def __init__(self, config: MethodConfig, network: Network, task: Task, training_set: TrainingSet) -> None:
        super().__init__(config, network, task, training_set)
        # in tuples, so that neither is saved: one shares the network, the other is drawn from the seed
        self._balanced = (BalancedSoftmax(MethodConfig(), network, task, training_set),)
        self._start = (copy.deepcopy(network),)
        self._student = self.config.teacher is not None
        if self._student:
            self.teacher = training_set.load_network(self.config.teacher).requires_grad_(False)

    def stages(self) -> tuple[Stage, ...]:
        student = Stage(name="student", parts={"teacher": "frozen"})
        return (student,) if self.config.teacher else (Stage(name="teacher"), student)

    def begin_stage(self, stage: Stage) -> None:
        self._student = stage.name == "student"
        if self._student and self.config.teacher is None:
            self.teacher = copy.deepcopy(self.network).requires_grad_(False)
            self.network.load_state_dict(self._start[0].state_dict())

    def forward(self, batch: Batch) -> Terms:
        if not self._student:
            return self._balanced[0](batch)  # type: ignore[no-any-return]
        logits = self.network(batch.inputs)
        label = self.task.label(batch.annotation)
        balanced = self.config.student_loss == "balanced_softmax"
        own = logits + self._balanced[0].log_counts if balanced else logits
        return {
            "cross_entropy": sum_and_mass(cross_entropy, own, label),
            "distillation": self.distillation(logits, batch.inputs),
        }

    def distillation(self, logits: Tensor, inputs: Tensor) -> SumAndMass:
        """T^2 KL(teacher || softmax(z / T)), where the teacher's softened probabilities are raised to the power."""
        temperature = self.config.temperature
        with torch.no_grad():  # the teacher is not taught
            virtual = torch.softmax(self.teacher(inputs).float() * (self.config.power / temperature), -1)
        loss = sum_and_mass(kl_divergence, logits / temperature, dense(virtual, validate=False))
        return SumAndMass(loss.sum * temperature**2, loss.mass)

    def weights(self) -> Mapping[str, float]:
        share = float(self.config.distillation)
        return {"cross_entropy": 1 - share, "distillation": share} if self._student else {}

    def fingerprint(self, stage: Stage) -> Mapping[str, Any]:
        return self._balanced[0].fingerprint(stage) if stage.name == "teacher" else super().fingerprint(stage)

    @property
    def corrects_prior(self) -> bool:
        return True

    def unregistered(self) -> tuple[nn.Module, ...]:
        return (*self._balanced, *self._start)
