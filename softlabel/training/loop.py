"""The training loop: stages, epochs, steps. There is no other."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from torch.optim import Optimizer

from softlabel.methods.base.stage import Stage
from softlabel.randomness import addressed
from softlabel.runs.checkpoint import Checkpoint
from softlabel.training.config import RunConfig
from softlabel.training.engine import Engine
from softlabel.training.part_modes import own_gradients, restore_gradients
from softlabel.training.stage_data import StageData
from softlabel.training.stage_run import StageRun
from softlabel.training.state import TrainingState
from softlabel.training.term_tally import TermTally


class Observer(Protocol):
    """What happens around the loop: progress, evaluation, selection, files."""

    def step(self, images: int, tally: TermTally, epoch_name: str) -> None:
        """A step is done; `epoch_name` is for messages."""

    def epoch(self, record: dict[str, Any], optimiser: Optimizer | None) -> None:
        """An epoch is done; the state says what comes next."""


def train_stages(
    config: RunConfig,
    state: TrainingState,
    data: Callable[[int, Stage], StageData],
    engine: Engine,
    observer: Observer,
    checkpoint: Checkpoint | None = None,
) -> None:
    """Train what is left of a run: all of it, or what comes after a checkpoint.

    A resumed run begins its stages as the first one did, so that it has the same modules, and then takes over the
    checkpoint's tensors. Raises RunError when a loss is not finite.
    """
    method, stages = state.method, state.method.stages()
    own = own_gradients(method)
    if checkpoint is not None:
        state.restore_position(checkpoint)
        for stage_index in range(state.stage + 1):
            _begin(config, state, stage_index, own)
        if state.average is not None:
            state.average.restart(method.deployable())  # whose head may be another one than before the stage
        state.restore_tensors(checkpoint)
    for stage_index in range(state.stage, len(stages)):
        if stage_index > state.stage or checkpoint is None:
            state.stage, state.epoch, checkpoint = stage_index, 0, None
            _begin(config, state, stage_index, own)
            if stage_index > 0 and state.average is not None:
                state.average.restart(method.deployable())  # the new head belongs to the weights, not to their average
        run = StageRun(config, method, stage_index, stages[stage_index], data(stage_index, stages[stage_index]), engine)
        if checkpoint is not None and run.optimiser is not None:
            state.restore_optimiser(checkpoint, run.optimiser)
        for epoch in range(state.epoch, run.data.epochs):
            started = time.perf_counter()
            where = f"{run.stage.name}, epoch {epoch + 1}"
            tally = run.begin_epoch(epoch)
            with addressed(config.seed, stage_index, epoch, "epoch"):
                if not run.stage.gradients:
                    run.solve()
                    if state.average is not None:
                        state.average.restart(method.deployable())
                else:
                    for step, (batch, second) in enumerate(run.data.steps(epoch)):
                        run.update(epoch, step, batch, second, tally)
                        if state.average is not None:
                            state.average.update(method.deployable(), state.steps)
                        state.steps += 1
                        observer.step(run.data.step_size(step), tally, where)
            means = tally.means(engine.all_reduce)
            tally.refuse_bad(means, where)
            method.end_epoch(engine.all_reduce)
            state.epoch = epoch + 1
            state.images += run.data.images_per_epoch
            state.seconds += time.perf_counter() - started
            observer.epoch(run.record(epoch, means, tally.loss(means)), run.optimiser)


def _begin(config: RunConfig, state: TrainingState, stage_index: int, own: Mapping[str, bool]) -> None:
    restore_gradients(state.method, own)
    with addressed(config.seed, stage_index, "begin"):
        state.method.begin_stage(state.method.stages()[stage_index])
