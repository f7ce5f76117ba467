"""What a stage needs to step: optimiser, schedule, modes of the parts, batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.optim import Optimizer

from softlabel.data.batch import Batch
from softlabel.errors import UnsupportedError
from softlabel.methods.base.method import Method
from softlabel.methods.base.stage import PartMode, Stage
from softlabel.networks.network import Network
from softlabel.networks.trainable import frozen_parts
from softlabel.randomness import generator, seed_global
from softlabel.training.build_method import own_training
from softlabel.training.config import RunConfig, SettledTraining
from softlabel.training.engine import Engine
from softlabel.training.optimisers import build_optimiser, set_rate
from softlabel.training.part_modes import freeze_parts, set_modes
from softlabel.training.schedule import Schedule
from softlabel.training.stage_data import StageData
from softlabel.training.step import Updater, micro_batches
from softlabel.training.term_tally import TermTally


class StageRun:
    """One stage of one run, ready to step; `optimiser` is None where the stage has no gradients."""

    def __init__(
        self,
        config: RunConfig,
        method: Method,
        stage_index: int,
        stage: Stage,
        data: StageData,
        engine: Engine,
    ) -> None:
        self.stage = stage
        self.data = data
        self._config = config
        self._method = method
        self._stage_index = stage_index
        self._engine = engine
        self._parts = stage_parts(config, stage, method.network)
        training = own_training(config, method.network.backbone.pretrained)
        self.schedule = _schedule(training, stage, data)
        freeze_parts(method, self._parts)
        self.optimiser = _optimiser(training, config.method, method, stage)
        self._updater: Updater | None = None
        if self.optimiser is not None:
            wrapped = engine.wrap(method)
            self._updater = Updater(method, wrapped, self.optimiser, engine, config.training.clip_norm)

    def begin_epoch(self, epoch: int) -> TermTally:
        """Put every part in its mode and say so to the method; returns an empty tally."""
        set_modes(self._method, self._parts)
        self._method.begin_epoch(epoch, self.data.epochs)
        return TermTally(self._method.weights())

    def update(self, epoch: int, step: int, batch: Batch, second: Batch | None, tally: TermTally) -> None:
        """One update of the weights."""
        assert self._updater is not None
        assert self.optimiser is not None
        set_rate(self.optimiser, self.schedule.rate(epoch * self.data.steps_per_epoch + step))
        address = (self._config.seed, self._stage_index, epoch, step)
        seed_global(*address, self._engine.rank, "dropout")  # the caller's state is put back by the loop
        if self.stage.custom_update:
            self._updater.custom_update(batch, second, generator(*address, "update"), tally)
        else:
            self._updater.update(micro_batches(batch, self._config.training.accumulate), tally)

    @torch.no_grad()
    def solve(self) -> None:
        """A stage without gradients."""
        self._method.solve(self.stage, self.data.plain_batches(), self.data.validation_batches())

    def record(self, epoch: int, terms: Mapping[str, float], loss: float | None) -> dict[str, Any]:
        """What metrics.jsonl says of an epoch, before validation."""
        last_step = (epoch + 1) * self.data.steps_per_epoch - 1
        return {
            "stage": self.stage.name,
            "epoch": epoch + 1,
            "epochs": self.data.epochs,
            "learning_rate": None if self.optimiser is None else self.schedule.rate(last_step),
            "loss": loss,
            "terms": dict(terms),
        }


def stage_parts(config: RunConfig, stage: Stage, network: Network) -> dict[str, PartMode]:
    """The modes of the stage's parts; what the configuration freezes is frozen in every stage."""
    frozen: dict[str, PartMode] = {f"network.{name}": "frozen" for name in frozen_parts(config.network, network)}
    return {**stage.parts, **frozen}


def _optimiser(training: SettledTraining, name: str, method: Method, stage: Stage) -> Optimizer | None:
    if not stage.gradients:
        return None
    moving = {name: parameter for name, parameter in method.named_parameters() if parameter.requires_grad}
    if not moving:
        raise UnsupportedError(f"stage {stage.name!r} of method {name!r} leaves nothing to train")
    weight_decay = training.weight_decay if stage.weight_decay is None else stage.weight_decay
    return build_optimiser(moving, training, weight_decay, stage.rate_factors)


def _schedule(asked: SettledTraining, stage: Stage, data: StageData) -> Schedule:
    warmup_epochs = asked.warmup_epochs if stage.warmup_epochs is None else stage.warmup_epochs
    steps = data.epochs * data.steps_per_epoch
    return Schedule(
        kind=stage.schedule or asked.schedule,
        peak=peak_rate(asked, stage),
        steps=steps,
        warmup_steps=min(steps, round(warmup_epochs * data.steps_per_epoch)),
        milestones=tuple(asked.milestones),
        decay=asked.decay,
    )


def peak_rate(asked: SettledTraining, stage: Stage) -> float:
    """The highest learning rate of a stage: its own, its own under SGD, or that of the run."""
    if stage.learning_rate is not None:
        return stage.learning_rate
    if stage.sgd_learning_rate is not None and asked.optimiser == "sgd":
        return stage.sgd_learning_rate
    return asked.learning_rate
