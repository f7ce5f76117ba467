"""The one configuration of a run: a TOML recipe and the command line's overrides end up here. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from softlabel.bounds import LONGEST_NAME, MOST_EPOCHS, Epochs, Factor, Processes, Rate, Rows, Seed, Views, Weight
from softlabel.data.config import BalancedEpoch, DataConfig, Share
from softlabel.networks.config import NetworkConfig
from softlabel.read_only_with import ReadOnlyWith
from softlabel.tasks.config import AxisConfig
from softlabel.tasks.discovery import TaskName

LONGEST_PART, LONGEST_PATH = 255, 3000


def _draws_evenly(training: TrainingConfig, run: Settings) -> bool:
    """Whether a stage of some method draws classes equally often."""
    from softlabel.methods.base.discovery import find_method, method_names
    from softlabel.methods.base.stage import SamplerName

    kind_of_sampler: object = SamplerName
    samplers: list[object] = [training.sampler]
    for name in run.methods_used:
        own, kind = run.methods.get(name, {}), run.kind_of(name)
        fields = find_method(kind).Config.model_fields if kind in method_names() else {}
        samplers += [
            own.get(key, field.default) for key, field in fields.items() if field.annotation == kind_of_sampler
        ]
    return "balanced" in samplers


_STEP = ReadOnlyWith("--schedule step", lambda training, _: training.schedule == "step")
_MOMENTUM = ReadOnlyWith(
    "--optimiser sgd with --momentum above 0",
    lambda training, _: training.optimiser != "adamw" and training.momentum > 0,
)
_FROZEN = ReadOnlyWith(
    "images, and --trainable last or head", lambda _, run: run.data.has_images and run.network.trainable != "all"
)
_VIEWS = ReadOnlyWith("--augment other than none", lambda training, _: training.augment != "none")
_BALANCED = ReadOnlyWith("--sampler balanced, or a method whose classifier is trained so, such as crt", _draws_evenly)


class TrainingConfig(BaseModel):
    """Optimiser, schedule, precision and processes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: Epochs = Field(30, description="passes over the training part")
    batch_size: Rows = Field(64, description="samples per step, over all processes")
    accumulate: Rows = Field(1, description="micro-batches per step; the step equals one of the whole batch")
    optimiser: Literal["auto", "sgd", "adamw"] = Field(
        "auto", description="sgd (with momentum) or adamw; auto: adamw for a pretrained backbone, else sgd"
    )
    learning_rate: Rate | None = Field(
        None,
        description="peak learning rate; by default 0.1 with sgd, 0.001 with adamw, a tenth for a pretrained "
        "backbone with sgd",
    )
    momentum: float = Field(0.9, ge=0, lt=1, description="momentum (sgd); beta1 (adamw)")
    nesterov: Annotated[bool, _MOMENTUM] = Field(True, description="Nesterov's step of the momentum")
    weight_decay: Weight = Field(5e-4, description="weight decay")
    warmup_epochs: float = Field(1.0, ge=0, le=MOST_EPOCHS, description="epochs of linear warm-up")
    schedule: Literal["cosine", "step", "constant"] = Field("cosine", description="course of the rate after warm-up")
    milestones: Annotated[list[Share], _STEP] = Field(
        [0.8, 0.9], max_length=100, description="shares of the epochs after which to decay"
    )
    decay: Annotated[float, _STEP] = Field(0.01, gt=0, le=1, description="factor at every milestone")
    clip_norm: Factor | None = Field(None, description="largest norm of the gradient")
    ema: float | None = Field(None, gt=0, lt=1, description="decay of an exponential moving average of the weights")
    augment: Literal["auto", "none", "shift", "crop-flip", "resized-crop", "colour", "trivial", "erasing"] = Field(
        "auto",
        description="auto: shift for grey images, crop-flip for colour, resized-crop for colour above 48 pixels; "
        "colour adds colour jitter, trivial TrivialAugment, erasing random erasing",
    )
    views: Annotated[Views, _FROZEN, _VIEWS] = Field(
        4, description="augmented views of each training image, which a frozen backbone computes once for all epochs"
    )
    cache_limit: Annotated[float, _FROZEN] = Field(
        20.0, ge=0, le=1e6, description="most gigabytes on the disk for what a frozen backbone computes once"
    )
    sampler: Literal["instance", "square-root", "balanced", "progressive", "every-class"] = Field(
        "instance",
        description="class probability proportional to n^1, n^0.5, n^0, or moving from the first to the last; "
        "every-class: each batch has a row of every class",
    )
    balanced_epoch: Annotated[BalancedEpoch, _BALANCED] = Field(
        "rows",
        description="length of an epoch of class-balanced sampling: as many draws as there are rows, or classes times "
        "rows of the largest, as the released code of decoupling",
    )
    head_limit: Rows | None = Field(None, description="under-sample: at most this many samples of a class an epoch")
    precision: Literal["fp32", "fp32-channels-last", "bf16", "auto"] = Field(
        "fp32", description="auto measures once and records its choice; channels-last: another memory layout of images"
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where to train")
    processes: Processes = Field(1, description="processes that share each step")
    checkpoint_every: Epochs = Field(1, description="epochs between checkpoints")


class SettledTraining(TrainingConfig):
    """The same with nothing left to be found out."""

    optimiser: Literal["sgd", "adamw"]
    learning_rate: Rate


def settled_training(asked: TrainingConfig, *, fine_tuning: bool) -> SettledTraining:
    """Optimiser and rate where they are left open.

    fine_tuning   whether the weights were learned before
    """
    values = asked.model_dump()
    if values["optimiser"] == "auto":
        values["optimiser"] = "adamw" if fine_tuning else "sgd"
    if values["learning_rate"] is None:
        scratch = {"sgd": 0.1, "adamw": 0.001}[values["optimiser"]]
        values["learning_rate"] = scratch / 10 if fine_tuning and values["optimiser"] == "sgd" else scratch
    return SettledTraining(**values)


class OutputConfig(BaseModel):
    """Where results land."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    runs: str = Field("runs", min_length=1, description="folder that holds the run folders")
    name: str | None = Field(None, description="name of the run folder, before its number; by default the source's")

    @field_validator("runs")
    @classmethod
    def _a_path(cls, runs: str) -> str:
        parts = [len(part.encode()) for part in runs.split("/")]
        if "\0" in runs or max(parts) > LONGEST_PART or sum(parts) > LONGEST_PATH:
            raise ValueError(f"runs: {runs[:40]!r} … is not the path of a folder, whose parts have up to 255 bytes")
        return runs

    @field_validator("name")
    @classmethod
    def _one_folder(cls, name: str | None) -> str | None:
        if name is not None and (not name.strip(".") or set(name) & set("/\\\0")):
            raise ValueError(f"name: {name!r} is not the name of a folder")
        if name is not None and len(name.encode()) > LONGEST_NAME:
            raise ValueError(f"name: {name[:40]!r} … is too long; a name has at most {LONGEST_NAME} bytes")
        return name


class Predicts(BaseModel):
    """The first field of a run and of a comparison."""

    task: TaskName = Field("auto", description="what is predicted")


class _TrainsOnce(Predicts):
    method: str = Field("cross_entropy", description="how labels are softened: see `softlabel methods`")
    seed: Seed = Field(0, description="seed of the training")


class Settings(BaseModel):
    """What a run and a comparison both have. Fields stand in the order of the bases of a class, from the last."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: DataConfig = DataConfig()
    axis: AxisConfig = AxisConfig()
    network: NetworkConfig = NetworkConfig()
    training: TrainingConfig = TrainingConfig()
    output: OutputConfig = OutputConfig()
    methods: dict[str, dict[str, Any]] = Field({}, description="options of methods, by the method's name")

    @property
    def methods_used(self) -> Sequence[str]:
        """The names of the methods that are trained."""
        raise NotImplementedError

    def kind_of(self, name: str) -> str:
        """The module of the method of this name: an entry of `methods` with a `method` is that one under another."""
        return str(self.methods.get(name, {}).get("method", name))


class RunConfig(Settings, _TrainsOnce):
    """One training run."""

    @property
    def methods_used(self) -> Sequence[str]:
        return (self.method,)

    @property
    def method_kind(self) -> str:
        """Its module's name."""
        return self.kind_of(self.method)

    @property
    def method_options(self) -> dict[str, Any]:
        """The options that are the method's."""
        return {name: value for name, value in self.methods.get(self.method, {}).items() if name != "method"}
