"""The specification of one stage of training: what is sampled, what moves, and for how long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

PartMode = Literal["train", "fixed-statistics", "shift", "frozen"]
"""How a part of the training module behaves in a stage.

train             gradients, train mode
fixed-statistics  gradients, but normalisation layers keep their running statistics
shift             no gradients, but normalisation layers update their running statistics
frozen            no gradients, evaluation mode: bit-identical before and after
"""

SamplerName = Literal["instance", "square-root", "balanced", "progressive", "every-class"]
SecondSampler = Literal["instance", "square-root", "balanced", "progressive"]
SecondSource = Literal["training", "validation"]


@dataclass(frozen=True)
class Stage:
    """One stage. What is None is taken from the run's configuration.

    sgd_learning_rate  peak rate under SGD where `learning_rate` is None; it would be far too much for AdamW
    parts          dotted name of a part of the training module -> its mode; parts not named train
    cached_features  the frozen backbone's pooled features of the training part, made once and without augmentation, are
                     the batches' inputs
    gradients      False: the engine calls `Method.solve` once instead of stepping (class means, norms)
    rate_factors   dotted name of a part of the training module -> its learning rate over that of the stage
    second_source  draws a second batch for every step (meta-learning), with its own sampler
    custom_update  the engine calls `Method.update` instead of its own forward, backward and step
    """

    name: str = "train"
    epochs: int | None = None
    sampler: SamplerName | None = None
    learning_rate: float | None = None
    sgd_learning_rate: float | None = None
    weight_decay: float | None = None
    warmup_epochs: float | None = None
    schedule: Literal["cosine", "step", "constant"] | None = None
    parts: Mapping[str, PartMode] = field(default_factory=dict)
    cached_features: bool = False
    gradients: bool = True
    rate_factors: Mapping[str, float] = field(default_factory=dict)
    second_source: SecondSource | None = None
    second_sampler: SecondSampler = "balanced"
    custom_update: bool = False

    def epochs_of(self, epochs: int) -> int:
        """Its epochs in a run of so many; a stage without gradients takes one."""
        return (self.epochs or epochs) if self.gradients else 1
