"""DaSL, dynamic auxiliary soft labels for decoupled learning (Wang et al., Neural Networks 151, 2022).

Published: two stages; an auxiliary network that takes every level of the backbone's pyramid, fuses them, and returns
features per level and logits z_a; in stage 1 L_gt2c + L_gt2a + L_a2c (cross-entropy of classifier and of auxiliary
network, and KL(softmax(z_a / T) || softmax(z_c / T))) with feature-level distillation, under instance sampling; soft
labels of the auxiliary network in stage 2 too, where the representation of stage 1 must not make them.

Inferred, as the full text and code are not public: the layers of the auxiliary network, attention transfer as the
feature-level loss, all weights, that the teacher's side is detached, and the whole recipe of stage 2. There the
auxiliary network is trained on, so that its labels come from a representation of its own on the frozen maps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, TypeVar

import torch
from pydantic import Field
from torch import Tensor

from softlabel.bounds import MOST_EPOCHS
from softlabel.data.batch import Batch
from softlabel.errors import ConfigError
from softlabel.labels import dense
from softlabel.losses import attention_distance, cross_entropy, kl_divergence, sum_and_mass
from softlabel.losses.engine.reduction import SumAndMass
from softlabel.methods.base.decoupled import CLASSIFIER_RATE, linear_head
from softlabel.methods.base.method import Method, MethodConfig, Terms, TrainingSet
from softlabel.methods.base.stage import PartMode, SamplerName, Stage
from softlabel.networks.auxiliary import AuxiliaryNetwork
from softlabel.networks.initialise import initialise
from softlabel.networks.kept_levels import FeatureLevels
from softlabel.networks.network import Network, Pyramid
from softlabel.read_only_with import ReadOnlyWith
from softlabel.tasks.task import Task

T = TypeVar("T")

_SOFT_LABELS = ReadOnlyWith(
    "label_weight or classifier_label_weight above 0",
    lambda own, _: own.label_weight > 0 or own.classifier_label_weight > 0,
)
_TEACHES = ReadOnlyWith(
    "label_weight, feature_weight or, of an auxiliary network that learns in stage 2, classifier_label_weight above 0",
    lambda own, _: (
        own.label_weight > 0 or own.feature_weight > 0 or (own.auxiliary_learns and own.classifier_label_weight > 0)
    ),
)
_SOFT_STAGE_2 = ReadOnlyWith(
    "classifier_label_weight above 0",
    # or clipped gradients, in whose norm those of the auxiliary network count too
    lambda own, run: own.classifier_label_weight > 0 or run.training.clip_norm is not None,
)


class AuxiliaryLabelsConfig(MethodConfig):
    """How an auxiliary network teaches, and how the classifier is learned."""

    temperature: Annotated[float, _SOFT_LABELS] = Field(
        4.0, gt=0, le=1e6, description="temperature of the auxiliary soft labels (T)"
    )
    scale_by_temperature: Annotated[bool, _SOFT_LABELS] = Field(
        False, description="label-level distillation times T^2, as in distillation"
    )
    auxiliary_weight: float = Field(1.0, ge=0, le=1e6, description="weight of the auxiliary network's own loss")
    label_weight: float = Field(1.0, ge=0, le=1e6, description="weight of label-level distillation (alpha)")
    feature_weight: float = Field(10.0, ge=0, le=1e6, description="weight of feature-level distillation (beta)")
    detach: Annotated[bool, _TEACHES] = Field(
        True, description="no gradient into the auxiliary network from what it teaches"
    )
    auxiliary_width: float = Field(1.0, gt=0, le=64, description="its channels over the backbone's")
    auxiliary_depth: int = Field(1, ge=1, le=64, description="its convolutions per fusion")
    auxiliary_levels: int | None = Field(
        None, ge=2, le=64, description="how many of the coarsest levels of the pyramid it fuses; by default all"
    )
    classifier_epochs: int = Field(10, ge=1, le=MOST_EPOCHS, description="epochs of stage 2")
    classifier_learning_rate: float | None = Field(
        None,
        gt=0,
        le=1e6,
        description=f"peak learning rate of stage 2, with a cosine schedule; by default {CLASSIFIER_RATE} under sgd, "
        "and the run's under adamw",
    )
    classifier_sampler: SamplerName = Field("balanced", description="sampling of stage 2")
    classifier_hard: bool = Field(True, description="stage 2 learns from hard labels too, not only from soft ones")
    classifier_label_weight: float = Field(1.0, ge=0, le=1e6, description="weight of the soft labels in stage 2")
    batch_norm: Literal["frozen", "shift"] = Field("frozen", description="the backbone's batch-norm in stage 2")

    @property
    def auxiliary_learns(self) -> bool:
        """Whether the auxiliary network is trained in stage 2."""
        return False


class DaSLConfig(AuxiliaryLabelsConfig):
    """What becomes of it besides."""

    classifier_auxiliary: Annotated[Literal["retrain", "reinitialise", "frozen"], _SOFT_STAGE_2] = Field(
        "retrain", description="auxiliary network in stage 2: trained on, trained anew, or frozen as it is"
    )

    @property
    def auxiliary_learns(self) -> bool:
        return self.classifier_auxiliary != "frozen"


class DaSL(Method):
    """An auxiliary network makes soft labels for the representation (stage 1) and for the classifier (stage 2)."""

    needs_one_class = True
    Config: ClassVar[type[MethodConfig]] = DaSLConfig

    @classmethod
    def levels_read(cls, config: MethodConfig) -> FeatureLevels:
        asked: int | None = config.auxiliary_levels  # type: ignore[attr-defined]
        return "pyramid" if asked is None else asked

    @classmethod
    def supports(cls, task: Task, network: Network) -> str | None:
        backbone = network.backbone
        if backbone.spatial and len(backbone.widths) > 1:
            return super().supports(task, network)
        found = "a single level" if backbone.spatial else "vectors"
        return (
            "the auxiliary network fuses the levels of a spatial pyramid, as the resnets have for images; "
            f"{type(backbone).__name__} gives {found}"
        )

    def __init__(self, config: MethodConfig, network: Network, task: Task, training_set: TrainingSet) -> None:
        super().__init__(config, network, task, training_set)
        asked, count = self.config, len(network.backbone.widths)
        if asked.auxiliary_levels is not None and asked.auxiliary_levels > count:
            raise ConfigError(f"auxiliary_levels: {asked.auxiliary_levels} are more than the {count} of the backbone")
        self.auxiliary = AuxiliaryNetwork(
            self.levels_of(network.backbone.widths), self.num_classes, asked.auxiliary_width, asked.auxiliary_depth
        )
        self._second = False

    def stages(self) -> tuple[Stage, ...]:
        asked = self.config
        parts: dict[str, PartMode] = {"network.backbone": asked.batch_norm}
        if not asked.auxiliary_learns:
            parts["auxiliary"] = "frozen"
        classifier = Stage(
            name="classifier",
            epochs=asked.classifier_epochs,
            sampler=asked.classifier_sampler,
            learning_rate=asked.classifier_learning_rate,
            sgd_learning_rate=CLASSIFIER_RATE,
            warmup_epochs=0.0,
            schedule="cosine",
            parts=parts,
        )
        return (Stage(name="representation", sampler="instance"), classifier)

    def begin_auxiliary(self) -> None:
        """Called when stage 2 begins."""
        if self.config.classifier_auxiliary == "reinitialise":
            initialise(self.auxiliary)

    def levels_of(self, levels: Sequence[T]) -> Sequence[T]:
        """Those that the auxiliary network fuses."""
        asked: int | None = self.config.auxiliary_levels
        return levels if asked is None else [levels[place] for place in range(-asked, 0)]

    def classifier_teacher(self, auxiliary_logits: Tensor) -> Tensor:
        """The logits (N, K) whose soft labels stage 2 learns from."""
        return auxiliary_logits

    def begin_stage(self, stage: Stage) -> None:
        self._second = stage.name == "classifier"
        if not self._second:
            return
        linear_head(self.network, "dasl").reset_parameters()
        self.begin_auxiliary()

    def forward(self, batch: Batch) -> Terms:
        return self.classifier_terms(batch) if self._second else self.representation_terms(batch)

    def representation_terms(self, batch: Batch) -> Terms:
        """Stage 1: everything learns together."""
        pyramid = self.network.features(batch.inputs)
        logits = self.network.classify(pyramid.pooled)
        fused, auxiliary_logits = self.auxiliary(self.levels_of(pyramid.levels))
        label = self.task.label(batch.annotation)
        terms = {
            "classifier": sum_and_mass(cross_entropy, logits, label),
            "auxiliary": sum_and_mass(cross_entropy, auxiliary_logits, label),
        }
        if self.config.label_weight > 0:
            terms["label_distillation"] = self.label_distillation(logits, auxiliary_logits)
        if self.config.feature_weight > 0:
            terms["feature_distillation"] = self.feature_distillation(pyramid, fused)
        return terms

    def classifier_terms(self, batch: Batch) -> Terms:
        """Stage 2: the classifier learns on frozen features, and the auxiliary network with it where it is asked to."""
        with torch.no_grad():  # the wall of decoupling
            pyramid = self.network.features(batch.inputs)
        logits = self.network.classify(pyramid.pooled)
        label = self.task.label(batch.annotation)
        terms = {}
        if self.config.classifier_hard:
            terms["classifier"] = sum_and_mass(cross_entropy, logits, label)
        with torch.set_grad_enabled(self.config.auxiliary_learns and torch.is_grad_enabled()):
            _, auxiliary_logits = self.auxiliary(self.levels_of(pyramid.levels))
        if self.config.auxiliary_learns:
            terms["auxiliary"] = sum_and_mass(cross_entropy, auxiliary_logits, label)
        teacher = self.classifier_teacher(auxiliary_logits)
        terms["label_distillation"] = self.label_distillation(logits, teacher)
        return terms

    def label_distillation(self, logits: Tensor, auxiliary_logits: Tensor) -> SumAndMass:
        """L_a2c: KL(softmax(z_a / T) || softmax(z_c / T)), and with `scale_by_temperature` T^2 times that."""
        temperature = self.config.temperature
        teacher = auxiliary_logits.detach() if self.config.detach else auxiliary_logits  # a label, not a path
        soft = dense(torch.softmax(teacher.float() / temperature, -1), validate=False)
        loss = sum_and_mass(kl_divergence, logits / temperature, soft)
        return SumAndMass(loss.sum * temperature**2, loss.mass) if self.config.scale_by_temperature else loss

    def feature_distillation(self, pyramid: Pyramid, fused: list[Tensor]) -> SumAndMass:
        """The attention of each level is drawn to that of the fused one, summed over the levels."""
        teachers = [level.detach() if self.config.detach else level for level in fused]  # no path either
        pairs = zip(self.levels_of(pyramid.levels), teachers, strict=True)
        values = torch.stack([attention_distance(level, teacher, reduction="none") for level, teacher in pairs]).sum(0)
        return SumAndMass(values.sum(), values.new_full((), len(values)))

    def weights(self) -> Mapping[str, float]:
        asked = self.config
        if self._second:
            return {"label_distillation": asked.classifier_label_weight}
        return {
            "auxiliary": asked.auxiliary_weight,
            "label_distillation": asked.label_weight,
            "feature_distillation": asked.feature_weight,
        }

    def fingerprint(self, stage: Stage) -> Mapping[str, Any]:
        """Stage 1 does not depend on the options of stage 2, nor on what makes its soft labels."""
        options = super().fingerprint(stage)
        if stage.name == "classifier":
            return options
        second = ("classifier_", "batch_norm")
        return {name: value for name, value in options.items() if not name.startswith(second)} | {"method": "dasl"}
