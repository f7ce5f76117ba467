"""Decoupled learning (Kang et al., ICLR 2020): first the representation, then a classifier on top of it, held still."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, ValidationError
from torch import Tensor, nn

from softlabel.bounds import MOST_EPOCHS
from softlabel.data.batch import Batch
from softlabel.errors import ConfigError
from softlabel.labels import LabelDistribution, OnlineTable
from softlabel.losses import cross_entropy, sum_and_mass
from softlabel.methods.base.classifier_labels import ClassifierLabels, LabelKind
from softlabel.methods.base.discovery import find_method
from softlabel.methods.base.method import OF_EVERY_METHOD, Method, MethodConfig, Share, Terms, TrainingSet
from softlabel.methods.base.stage import PartMode, SamplerName, Stage
from softlabel.networks.network import Network
from softlabel.read_only_with import ReadOnlyWith
from softlabel.running_state import AllReduce, RunningState
from softlabel.tasks.task import Task

_SPREADS = ReadOnlyWith(
    "classifier_labels label_smoothing or online_label_smoothing",
    lambda own, _: own.classifier_labels in ("label_smoothing", "online_label_smoothing"),
)
_ONLINE = ReadOnlyWith(
    "classifier_labels online_label_smoothing", lambda own, _: own.classifier_labels == "online_label_smoothing"
)
_NOT_CACHED = ReadOnlyWith(
    "cached_features false",
    lambda own, _: not own.cached_features,
    more="; the backbone does not run again where its features are kept",
)


CLASSIFIER_RATE = 0.1
"""The peak rate of a second stage under SGD."""


class RepresentationConfig(MethodConfig):
    """How the representation is learned."""

    representation: str = Field("cross_entropy", description="one-stage method of the first stage")
    representation_options: dict[str, Any] = Field({}, description="its options (in a recipe)")


class ClassifierConfig(RepresentationConfig):
    """How a classifier is trained on the frozen backbone."""

    classifier_epochs: int = Field(10, ge=1, le=MOST_EPOCHS, description="epochs of the second stage")
    classifier_learning_rate: float | None = Field(
        None,
        gt=0,
        le=1e6,
        description=f"its peak learning rate, with a cosine schedule; by default {CLASSIFIER_RATE} under sgd, and the "
        "run's under adamw",
    )
    classifier_sampler: SamplerName = Field("balanced", description="its sampling")
    classifier_labels: LabelKind = Field("hard", description="its labels")
    epsilon: Annotated[Share, _SPREADS] = Field(
        0.1, description="share that label smoothing spreads; start of the online table"
    )
    hard_weight: Annotated[Share, _ONLINE] = Field(0.5, description="share of the own label beside the online one")
    batch_norm: Annotated[Literal["frozen", "shift"], _NOT_CACHED] = Field(
        "frozen", description="frozen: bit for bit; shift: running statistics follow the second stage's samples"
    )
    cached_features: bool = Field(False, description="compute the features once: faster, but unaugmented")


class Decoupled(Method):
    """Base of the two-stage methods: a one-stage method learns backbone and head, then `classify` is learned alone.

    What a subclass adds to the second stage is a linear head in the end, so that what ships costs nothing more.
    """

    Config = ClassifierConfig

    def __init__(self, config: MethodConfig, network: Network, task: Task, training_set: TrainingSet) -> None:
        super().__init__(config, network, task, training_set)
        # in a tuple, because its modules are this method's own, which would be saved twice
        self._representation = (_one_stage(self.config, network, task, training_set),)
        self._second = False
        self.labels: ClassifierLabels | None = None

    @property
    def representation(self) -> Method:
        """The method of the first stage, which shares the network."""
        return self._representation[0]

    def stages(self) -> tuple[Stage, ...]:
        (first,) = self.representation.stages()
        return (Stage(**{**vars(first), "name": "representation"}), self.classifier_stage())

    def classifier_stage(self) -> Stage:
        """The second stage."""
        asked = self.config
        return Stage(
            name="classifier",
            epochs=asked.classifier_epochs,
            sampler=asked.classifier_sampler,
            learning_rate=asked.classifier_learning_rate,
            sgd_learning_rate=CLASSIFIER_RATE,
            warmup_epochs=0.0,
            schedule="cosine",
            cached_features=asked.cached_features,
            parts={"network.backbone": asked.batch_norm, **self.held_still()},
        )

    def held_still(self) -> Mapping[str, PartMode]:
        """What else than the backbone does not move in the second stage."""
        return {}

    def begin_stage(self, stage: Stage) -> None:
        self._second = stage.name == "classifier"
        if not self._second:
            self.representation.begin_stage(self.representation.stages()[0])
            return
        if stage.gradients:
            self.labels = self.make_labels()
        self.begin_classifier()

    def begin_classifier(self) -> None:
        """Called when the backbone is finished and the second stage begins."""

    def begin_epoch(self, epoch: int, epochs: int) -> None:
        if not self._second:
            self.representation.begin_epoch(epoch, epochs)

    @property
    def needs_inputs(self) -> bool:
        return self.representation.needs_inputs

    def transform(self, batch: Batch, generator: torch.Generator) -> Batch:
        return batch if self._second else self.representation.transform(batch, generator)

    def forward(self, batch: Batch) -> Terms:
        if not self._second:
            return self.representation(batch)  # type: ignore[no-any-return]
        logits = self.classify(self.frozen_features(batch))
        label = self.classifier_label(batch.annotation, logits)
        return {"cross_entropy": sum_and_mass(cross_entropy, logits, label)}

    @torch.no_grad()  # the wall of decoupling: nothing of the second stage reaches the backbone
    def frozen_features(self, batch: Batch) -> Tensor:
        """Pooled features (N, D); a batch of cached ones holds them already."""
        return batch.inputs if self.config.cached_features else self.network.features(batch.inputs).pooled

    def classify(self, pooled: Tensor) -> Tensor:
        """Pooled features (N, D) -> logits (N, K), in the second stage."""
        return self.network.classify(pooled)

    def make_labels(self) -> ClassifierLabels:
        """What makes the second stage's labels."""
        asked = self.config
        labels = ClassifierLabels(asked.classifier_labels, self.task, asked.epsilon, asked.hard_weight)
        if labels.table is not None:
            labels.table.to_(next(self.network.parameters()).device)
        return labels

    def classifier_label(self, annotation: Tensor, logits: Tensor) -> LabelDistribution:
        """The label of a batch in the second stage."""
        assert self.labels is not None
        return self.labels.label(annotation, logits)

    def end_epoch(self, all_reduce: AllReduce) -> None:
        if not self._second:
            self.representation.end_epoch(all_reduce)
        elif self.table is not None:
            self.table.turn(all_reduce)

    @property
    def table(self) -> OnlineTable | None:
        """The running table of the second stage, where there is one."""
        return None if self.labels is None else self.labels.table

    def tables(self) -> dict[str, Tensor]:
        if self.table is None:
            return self.representation.tables()
        return {"Soft labels the classifier learned, one row per class": self.table.current}

    def unregistered(self) -> tuple[nn.Module, ...]:
        return self._representation

    def notes(self, sampler: SamplerName) -> list[str]:
        return self.representation.notes(sampler)

    def running_states(self) -> dict[str, RunningState]:
        first = {f"representation.{name}": state for name, state in self.representation.running_states().items()}
        return first if self.table is None else {**first, "classifier.table": self.table}

    def fingerprint(self, stage: Stage) -> Mapping[str, Any]:
        if stage.name == "representation":
            return self.representation.fingerprint(self.representation.stages()[0])
        return super().fingerprint(stage)


def linear_head(network: Network, method: str) -> nn.Linear:
    """The network's head, which must be linear for what the method does with it. Raises ConfigError for another one."""
    if not isinstance(network.head, nn.Linear):
        raise ConfigError(f"{method}: needs a linear head, and network.head gives a {type(network.head).__name__}")
    return network.head


def _one_stage(config: RepresentationConfig, network: Network, task: Task, training_set: TrainingSet) -> Method:
    """The method of the first stage. Raises ConfigError for one that cannot be a first stage."""
    name = config.representation
    kind = find_method(name)
    try:
        options = kind.Config.model_validate(config.representation_options)
    except ValidationError as error:
        first = error.errors()[0]
        option = ".".join(map(str, first["loc"]))
        raise ConfigError(f"representation_options.{option}: {first['msg']} (got {first['input']!r})") from None
    own = options.model_fields_set & {*OF_EVERY_METHOD}
    if own:
        raise ConfigError(
            f"representation_options.{min(own)}: is an option of the whole method, not of its first stage"
        )
    reason = kind.supports(task, network)
    if reason is not None:
        raise ConfigError(f"representation {name!r} cannot be used here: {reason}")
    if kind.head_kind != Method.head_kind:
        raise ConfigError(f"representation {name!r} needs a {kind.head_kind} head; a linear one is to follow it")
    method = kind(options, network, task, training_set)
    if len(method.stages()) != 1 or any(not key.startswith("network.") for key in method.state_dict()):
        raise ConfigError(f"representation {name!r}: expected a method of one stage without networks of its own")
    return method
