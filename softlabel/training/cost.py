"""What a run will take: a few of its own steps and one chunk of evaluation, timed on the machine at hand."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from softlabel.data.samples import Samples
from softlabel.evaluation.answering import Inference
from softlabel.evaluation.scores import evaluate, rows_at_once
from softlabel.global_batch import alone
from softlabel.methods.base.stage import Stage
from softlabel.randomness import addressed
from softlabel.tasks.prepared import Prepared
from softlabel.training.build_method import build_method
from softlabel.training.config import RunConfig
from softlabel.training.engine import Engine, device_name
from softlabel.training.frozen_features import frozen_features
from softlabel.training.precision import Precision, precision_for
from softlabel.training.stage_data import StageData
from softlabel.training.stage_run import StageRun

MOST_STEPS = 12
TRIAL_SECONDS = 0.3
RUN_SECONDS = 0.5
"""What every run takes besides its steps and its evaluation: a process, the network, the files."""


@dataclass(frozen=True)
class Cost:
    """Seconds of one run.

    begin    before the first epoch: the process and the data
    epochs   one entry an epoch, over all stages, each with its validation
    finish   calibration and test at the end
    """

    begin: float
    epochs: tuple[float, ...]
    finish: float

    @property
    def total(self) -> float:
        return self.begin + sum(self.epochs) + self.finish

    def without(self, epochs: int) -> Cost:
        """The same when another run trains the first epochs."""
        return Cost(self.begin, (0.0,) * epochs + self.epochs[epochs:], self.finish)

    def done(self, epochs: int) -> float:
        """Seconds of this cost that are over after so many epochs; none before the first."""
        return self.begin + sum(self.epochs[:epochs]) if epochs else 0.0


def measured_cost(
    config: RunConfig, prepared: Prepared, threads: int | None = None, features: Path | None = None
) -> Cost:
    """Time the first steps of every stage on a network that is thrown away; nothing random moves outside.

    threads    that the run will compute with; by default as many as this process
    features   folder in which the run reads what a frozen part makes of the samples
    Raises whatever the run itself would raise in its first steps.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        with addressed(config.seed, "cost"), alone():
            return _Trial(config, prepared, features).cost()
    finally:
        torch.set_num_threads(before)


class _Trial:
    def __init__(self, config: RunConfig, prepared: Prepared, features: Path | None) -> None:
        self._config = config
        self._prepared = prepared
        self._method = build_method(config, prepared)
        self._device = torch.device(device_name(config.training.device))
        self._engine = Engine(str(self._device), self._precision())
        self._engine.to_device(self._method)
        kept = features and frozen_features(config, prepared, self._method, features, self._device)
        self._read = kept.prepared if kept else prepared
        self._views = kept.views if kept else None

    def cost(self) -> Cost:
        stages = [self._stage(stage_index, stage) for stage_index, stage in enumerate(self._method.stages())]
        splits = self._read.splits
        validation = self._evaluation(splits.validation)
        epochs = tuple(seconds + validation for seconds in itertools.chain.from_iterable(stages))
        tested = 1 if splits.validation is None else 2  # the last and the selected epoch
        finish = tested * (validation + self._evaluation(splits.test))
        return Cost(RUN_SECONDS + self._prepared.seconds, epochs, finish)

    def _precision(self) -> Precision:
        training = self._prepared.splits.training
        return precision_for(self._config.training, self._method.deployable(), training, self._device)

    def _stage(self, stage_index: int, stage: Stage) -> list[float]:
        """Seconds of every epoch of a stage, without validation."""
        self._method.begin_stage(stage)
        data = StageData(self._config, self._read, self._method, stage_index, stage, self._engine, self._views)
        if not stage.gradients:
            return [self._evaluation(self._read.splits.training)]
        run = StageRun(self._config, self._method, stage_index, stage, data, self._engine)
        seconds = data.steps_per_epoch * self._step(run) / self._config.training.processes
        return [seconds] * data.epochs

    def _step(self, run: StageRun) -> float:
        """Seconds of one update with the reading of its batch."""
        tally = run.begin_epoch(0)

        def updates() -> Iterator[None]:
            for step, (batch, second) in enumerate(run.data.steps(0)):
                run.update(0, step, batch, second, tally)
                yield

        return self._timed(updates())

    def _evaluation(self, samples: Samples | None) -> float:
        """Seconds of one pass over the samples."""
        if samples is None:
            return 0.0
        some = samples.select(torch.arange(min(len(samples), rows_at_once(samples))))
        network = Inference(self._method.deployable(), self._method).eval()
        task, counts, groups = self._method.task, self._prepared.class_counts, self._prepared.config.groups

        def passes() -> Iterator[None]:
            for _ in range(2):
                evaluate(network, some, task, counts, groups, device=self._device).scores()
                yield

        return self._timed(passes()) * len(samples) / len(some)

    def _timed(self, steps: Iterable[None]) -> float:
        """The mean interval between a few steps, so that other work on the machine counts; not the first, a warm-up."""
        times = [time.perf_counter()]
        for _ in itertools.islice(steps, MOST_STEPS):
            self._wait()
            times.append(time.perf_counter())
            if len(times) > 3 and times[-1] - times[0] > TRIAL_SECONDS:
                break
        first = 1 if len(times) > 2 else 0
        return (times[-1] - times[first]) / (len(times) - 1 - first)

    @property
    def _wait(self) -> Callable[[], None]:
        return torch.cuda.synchronize if self._device.type == "cuda" else _nothing


def _nothing() -> None:
    pass
