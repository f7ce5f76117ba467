"""Where a run stands between two epochs, and how that becomes a checkpoint and comes back from one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from softlabel.bounded_files import one_line
from softlabel.deployed.model_claims import refuse_other_shapes
from softlabel.errors import RunError
from softlabel.methods.base.method import Method
from softlabel.runs.checkpoint import Checkpoint
from softlabel.training.ema import AveragedNetwork
from softlabel.training.optimisers import load_optimiser, optimiser_tensors


@dataclass
class Best:
    """The selected weights: those of the epoch with the best selection score so far."""

    score: float
    stage: str
    epoch: int
    tensors: dict[str, Tensor]


@dataclass
class TrainingState:
    """A run between two epochs; everything random is addressed, so there is no generator among it.

    stage, epoch   what comes next, counted from 0
    steps          updates so far, over all stages
    images         samples seen so far
    seconds        time spent training, without evaluation; total_seconds with it
    records        the lines of metrics.jsonl
    """

    method: Method
    average: AveragedNetwork | None = None
    stage: int = 0
    epoch: int = 0
    steps: int = 0
    images: int = 0
    seconds: float = 0.0
    total_seconds: float = 0.0
    records: list[dict[str, Any]] = field(default_factory=list)
    best: Best | None = None

    @property
    def evaluated(self) -> nn.Module:
        """The network that is evaluated and shipped: the averaged one, where there is one."""
        return self.method.deployable() if self.average is None else self.average.network

    def to_checkpoint(self, optimiser: Optimizer | None) -> Checkpoint:
        """Everything, as named tensors and plain values."""
        tensors = _prefixed("method", self.method.state_dict())
        if optimiser is not None:
            tensors |= _prefixed("optimiser", optimiser_tensors(optimiser))
        if self.average is not None:
            tensors |= _prefixed("average", self.average.network.state_dict())
        for name, state in self.method.running_states().items():
            tensors |= _prefixed(f"running.{name}", state.state_dict())
        values = {name: getattr(self, name) for name in _PLAIN}
        return Checkpoint(tensors, {**values, "records": list(self.records)})

    def restore_position(self, checkpoint: Checkpoint) -> None:
        """Take over the plain values; tensors need the stage's modules first."""
        for name in _PLAIN:
            setattr(self, name, checkpoint.values[name])
        self.records = [dict(record) for record in checkpoint.values["records"]]

    def restore_tensors(self, checkpoint: Checkpoint) -> None:
        """Take over weights, averages and running states. Raises RunError when they, or the selected weights, belong to
        another method."""
        try:
            self.method.load_state_dict(_without_prefix("method", checkpoint.tensors))
            if self.average is not None:
                self.average.network.load_state_dict(_without_prefix("average", checkpoint.tensors))
            for name, state in self.method.running_states().items():
                state.load_state_dict(_without_prefix(f"running.{name}", checkpoint.tensors))
        except (RuntimeError, KeyError, ValueError) as error:
            raise RunError(f"the checkpoint does not fit the method: {one_line(str(error), 240)}") from None
        if self.best is not None and self.stage == len(self.method.stages()) - 1:
            refuse_other_shapes("the checkpoint of the best epoch", self.best.tensors, self.evaluated.state_dict())

    @staticmethod
    def restore_optimiser(checkpoint: Checkpoint, optimiser: Optimizer) -> None:
        """Take over the optimiser's state."""
        load_optimiser(optimiser, _without_prefix("optimiser", checkpoint.tensors))


def best_to_checkpoint(best: Best) -> Checkpoint:
    """The selected weights, and which they are; a score that is not finite is left out, as JSON has none."""
    score = best.score if math.isfinite(best.score) else None
    return Checkpoint(best.tensors, {"score": score, "stage": best.stage, "epoch": best.epoch})


def best_from_checkpoint(checkpoint: Checkpoint) -> Best:
    """The inverse of `best_to_checkpoint`."""
    score, stage, epoch = (checkpoint.values[name] for name in ("score", "stage", "epoch"))
    return Best(math.nan if score is None else score, stage, epoch, checkpoint.tensors)


_PLAIN = ("stage", "epoch", "steps", "images", "seconds", "total_seconds")


def _prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": value for name, value in tensors.items()}


def _without_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    start = f"{prefix}."
    return {name.removeprefix(start): value for name, value in tensors.items() if name.startswith(start)}
