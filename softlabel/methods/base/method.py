"""What a method is: a training module that returns named loss terms, and what it asks of the training loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from softlabel.data.batch import Batch
from softlabel.data.config import BalancedEpoch
from softlabel.labels import LabelDistribution
from softlabel.losses import SumAndMass
from softlabel.methods.base.stage import SamplerName, Stage
from softlabel.networks.heads import HeadName
from softlabel.networks.kept_levels import FeatureLevels
from softlabel.networks.network import Network
from softlabel.running_state import AllReduce, RunningState
from softlabel.tasks.link import Link
from softlabel.tasks.task import Task

Share = Annotated[float, Field(ge=0, le=1)]
Terms = Mapping[str, SumAndMass]


class MethodConfig(BaseModel):
    """Options of a method; every field becomes an option of the command line. Those here every method has.

    A field that other options leave unread says so: `power: Annotated[float, ReadOnlyWith("share above 0", …)]`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    learning_rate: float | None = Field(
        None, gt=0, le=1e6, description="its own peak learning rate, not the one of all methods"
    )
    weight_decay: float | None = Field(
        None, ge=0, le=1e6, description="its own weight decay, not the one of all methods"
    )
    balanced_epoch: BalancedEpoch | None = Field(
        None, description="its own length of an epoch of class-balanced sampling, not the one of all methods"
    )


OF_EVERY_METHOD = tuple(MethodConfig.model_fields)


@dataclass(frozen=True)
class TrainingSet:
    """What a method may know of the training part before it starts.

    class_counts   (K,) float: number of samples (or mass of votes) per class
    load_network   loads a trained network from a run folder (a teacher)
    annotation     what is true of its rows, as the task's data have it
    has_validation whether rows are kept for validation
    """

    num_samples: int
    class_counts: Tensor
    load_network: Callable[[str], nn.Module]
    annotation: Tensor | None = None
    has_validation: bool = False


@dataclass(frozen=True)
class Step:
    """What a custom update gets: the batches, and the loop's own means to step.

    module       the training module behind the engine's wrapper; call this, not the method, to get terms
    backward     divides each term's sum by its mass over all processes, adds up, and runs backward
    optimiser    its gradients are clipped and its state is saved by the loop
    """

    batch: Batch
    second: Batch | None
    module: Callable[[Batch], Terms]
    backward: Callable[[Terms], None]
    optimiser: torch.optim.Optimizer
    generator: torch.Generator


class Method(nn.Module):
    """Base of all methods. A new one overrides `forward`, and of the rest only what its paper needs.

    The first line of the module's docstring names the paper; the class's docstring is shown by `softlabel methods`.
    """

    Config: ClassVar[type[MethodConfig]] = MethodConfig
    head_kind: ClassVar[HeadName] = "linear"
    """The kind of head that the method needs."""
    link: ClassVar[Link] = "softmax"
    """How its logits become probabilities."""
    needs_one_class: ClassVar[bool] = False
    """Whether it draws rows by class, or keeps tables by class."""
    compares_rows: ClassVar[bool] = False
    """Whether a term depends on which rows are in a batch together, so that a batch must not be taken in parts."""
    trained_networks: ClassVar[tuple[str, ...]] = ()
    """Its options that name the folder of a trained network, whose contents decide the training."""
    files: ClassVar[tuple[str, ...]] = ()
    """Its options that name a file, whose contents do too."""
    feature_levels: ClassVar[FeatureLevels] = "pooled"
    """What it reads of the pyramid: pooled features, also the level before the last stage, every level, or so many."""
    any_shape: ClassVar[bool] = False
    """Whether its terms are right for logits (N, K, H, W) of pixels too; said by each class for itself."""

    def __init__(self, config: MethodConfig, network: Network, task: Task, training_set: TrainingSet) -> None:
        super().__init__()
        self.config: Any = config
        self.network = network
        self.task = task
        self.num_classes = task.num_classes
        self.has_validation = training_set.has_validation

    @classmethod
    def supports(cls, task: Task, network: Network) -> str | None:
        """None when the method can be used, otherwise the reason why not, for the user to read."""
        if cls.needs_one_class and not task.one_class:
            return f"it needs one class that stands for each row, and a row of the task {task.name} can have several"
        return None

    @classmethod
    def levels_read(cls, config: MethodConfig) -> FeatureLevels:
        """What it reads of the pyramid with these options."""
        return cls.feature_levels

    @classmethod
    def link_of(cls, config: MethodConfig, task: Task) -> Link:
        """How its logits become probabilities with these options, for this task."""
        return cls.link

    @classmethod
    def refusal(cls, task: Task, network: Network) -> str | None:
        """None when the method can be used; else why not: what `supports` says, or that it knows no pixels."""
        if task.per_pixel and not vars(cls).get("any_shape", False):
            return (
                f"it trains one distribution per row, and the task {task.name} has one per pixel; "
                "cross_entropy and dldl know pixels"
            )
        return cls.supports(task, network)

    def stages(self) -> tuple[Stage, ...]:
        """The stages, in order."""
        return (Stage(),)

    def begin_stage(self, stage: Stage) -> None:
        """Called before the first step of a stage (re-initialise a head, for instance)."""

    def begin_epoch(self, epoch: int, epochs: int) -> None:
        """Called before the first step of an epoch, counted from 0 within its stage (to ramp or to defer something)."""

    def transform(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Change a training batch before the step (mixup); draw only from `generator`."""
        return batch

    @property
    def needs_inputs(self) -> bool:
        """Whether it reads raw inputs, so that what a frozen backbone makes of them cannot stand in their place."""
        return type(self).transform is not Method.transform or any(
            getattr(self.config, name) is not None for name in self.trained_networks
        )

    def forward(self, batch: Batch) -> Terms:
        """Named loss terms of one batch, each as sum and mass. Called once a step through the engine's wrapper."""
        raise NotImplementedError

    def weights(self) -> Mapping[str, float]:
        """Weight of each named term in the total; terms not named count 1. Asked for in every step."""
        return {}

    def update(self, step: Step) -> Terms:
        """One custom update, for stages with `custom_update`: leaves gradients, which the loop clips and steps with."""
        raise NotImplementedError

    def solve(self, stage: Stage, batches: Iterable[Batch], validation: Iterable[Batch] | None = None) -> None:
        """A stage without gradients: one pass over the training part without augmentation.

        validation   likewise of the validation part, for what a paper chooses there; None where no rows are kept
        """
        raise NotImplementedError

    def chosen(self) -> Mapping[str, float]:
        """What it has chosen itself on validation rows, by the option's name; kept in the result and shown."""
        return {}

    def end_epoch(self, all_reduce: AllReduce) -> None:
        """Called after the last step of an epoch; running states are reduced here."""

    def adjust(self, logits: Tensor) -> Tensor:
        """An adjustment at inference (post-hoc logits); it becomes part of what ships."""
        return logits

    def target(self, annotation: Tensor) -> LabelDistribution | None:
        """The labels (N, K) that rows with these annotations are trained on, for pictures beside the answers.

        None where they are the task's own, or change in the course of training.
        """
        return None

    def row_scores(self, batch: Batch) -> Mapping[str, Tensor]:
        """What it has learned of single training rows by name, (N,) or (N, K), for people who review labels.

        Asked after the last epoch, in evaluation mode, of mixed batches without augmentation; the run folder keeps it,
        and `softlabel review` shows it beside its own. `alpha` is a confidence in the given label, `latent` the
        distribution that the row might have instead.
        """
        return {}

    def tables(self) -> dict[str, Tensor]:
        """Learned tables (K, K) by title, which the report draws and the run folder keeps."""
        return {}

    def notes(self, sampler: SamplerName) -> list[str]:
        """What a person should know before the training starts: a special cost, data or a sampler that do not suit it.

        sampler   that of stages that have none of their own
        """
        if not self.corrects_prior or sampler == "instance":
            return []
        name = _module_name(self)
        return [f"{name} corrects for rare classes, and so does --sampler {sampler}: together they do it twice"]

    @property
    def corrects_prior(self) -> bool:
        """Whether a loss or an adjustment takes the classes' frequencies in the training part as those it is fed."""
        return False

    def fingerprint(self, stage: Stage) -> Mapping[str, Any]:
        """What this stage depends on: runs whose stages have equal fingerprints, up to here, may share them."""
        return {
            "method": _module_name(self),
            **self.config.model_dump(exclude={*OF_EVERY_METHOD}),
        }

    def deployable(self) -> nn.Module:
        """What ships: backbone and head, without a trace of what only training needed."""
        return self.network

    def running_states(self) -> dict[str, RunningState]:
        """Running tables and statistics by attribute name; saved in every checkpoint, never wrapped or broadcast."""
        return {name: value for name, value in vars(self).items() if isinstance(value, RunningState)}

    def unregistered(self) -> tuple[nn.Module, ...]:
        """Modules that no checkpoint has: they share the method's own, or are made anew from the seed."""
        return ()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Move (or cast) everything it holds: PyTorch knows of registered modules and buffers alone."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for module in self.unregistered():
            module._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for state in self.running_states().values():
            state.to_(fn(torch.empty(0)).device)  # statistics are moved, never cast
        return self


def _module_name(method: Method) -> str:
    return type(method).__module__.rpartition(".")[2]
