"""One training run, from a configuration to a calibrated and tested model in a folder."""

from __future__ import annotations

import contextlib
import shutil
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch

from softlabel.data.samples import Samples
from softlabel.errors import SoftlabelError, UnsupportedError
from softlabel.methods.base.method import Method
from softlabel.methods.base.stage import Stage
from softlabel.networks.given import GivenBackbone
from softlabel.runs.atomic import make_folder
from softlabel.runs.checkpoint import Checkpoint, CheckpointFolder
from softlabel.runs.environment import differences, environment
from softlabel.runs.metrics_log import MetricsLog
from softlabel.runs.run_folder import RESULT, RunFolder, refuse_difference, unfinished_run
from softlabel.runs.trained_on import record, recorded_columns, refuse_changed_data
from softlabel.tasks.prepared import Prepared, prepare
from softlabel.training.build_method import build_method, refuse_wrong_options
from softlabel.training.calibrate_and_score import finish
from softlabel.training.config import RunConfig
from softlabel.training.ema import AveragedNetwork
from softlabel.training.engine import Engine, device_name
from softlabel.training.fingerprinted import fingerprint_for
from softlabel.training.frozen_features import FrozenFeatures, frozen_features
from softlabel.training.loop import Observer, train_stages
from softlabel.training.observer import FirstProcess
from softlabel.training.position import refuse_other_best, refuse_other_position
from softlabel.training.precision import Precision, precision_for
from softlabel.training.progress import Progress, RunStart
from softlabel.training.shared_stages import SharedStages
from softlabel.training.stage_data import StageData
from softlabel.training.state import TrainingState, best_from_checkpoint
from softlabel.training.workers import Workers

FEATURES = "features"
"""The folder inside a run for what a frozen part makes of the samples, until the run is finished."""
BEGIN_ANEW = "; bring the old data back, or begin anew in another folder"


@dataclass(frozen=True)
class RunResult:
    """A finished run.

    cell             what result.json holds: scores, temperature, curves
    already_finished whether it was finished before this call, which then did nothing
    """

    folder: Path
    cell: dict[str, Any] = field(repr=False)
    already_finished: bool = False


def train(
    config: RunConfig,
    *,
    folder: Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    prepared: Prepared | None = None,
    shared: SharedStages | None = None,
    features: Path | None = None,
    backbone: GivenBackbone | None = None,
    pool: Samples | None = None,
) -> RunResult:
    """Train, calibrate and test; all of it lands in a run folder.

    folder     where; by default a new `<runs>/<name>-NNNN`
    resume     go on with the run in `folder`, or with the newest unfinished one of the same configuration
    prepared   data that were prepared before, for several runs on the same ones
    shared     stages that other runs have too, which are trained once; for runs in one process
    features   folder for what a frozen part makes of the samples, where other runs read it too
    pool       rows of which other runs with the same `features` have other parts
    backbone   a module, or a function of the inputs that returns a network; the configuration has its name

    Raises SoftlabelError for input that cannot be used, before a new folder is made; RunError when the folder is in
    use, belongs to another configuration or is damaged, and when a loss is not finite. KeyboardInterrupt leaves a
    folder that `resume` goes on with, to the same bits (on a CPU).
    """
    progress = progress or Progress()
    if folder is not None and resume and (folder / "config.toml").exists():
        refuse_difference(folder, config)
        if (folder / RESULT["train"]).exists():
            return RunResult(folder, _stored_result(config, folder), already_finished=True)
    refuse_wrong_options(config)
    before = (folder or unfinished_run(config)) if resume else None
    prepared = prepared or prepare(config.data, config.task, config.axis, recorded_columns(before))
    if backbone is not None and config.training.processes > 1:
        raise UnsupportedError("training.processes must be 1 where the backbone is a Python object")
    method = build_method(config, prepared, backbone)
    with _hold(config, folder, resume) as run:
        if run.finished:
            return RunResult(run.path, run.read_json(RESULT["train"]), already_finished=True)
        try:
            return RunResult(run.path, _train_in(run, config, prepared, method, progress, shared, features, pool))
        except KeyboardInterrupt:
            _last_words(run, "interrupted; `softlabel train --resume` goes on from the last checkpoint")
            raise
        except (SoftlabelError, OSError) as error:
            if isinstance(error, OSError) and error.filename is None:  # such as of a line added to a log
                error.filename = str(run.path)
            _last_words(run, f"stopped: {error}")
            raise


class Training:
    """A run in one process: the engine, the state, and the checkpoint from which it goes on."""

    def __init__(
        self, config: RunConfig, prepared: Prepared, engine: Engine, state: TrainingState, checkpoint: Checkpoint | None
    ) -> None:
        self.features: FrozenFeatures | None = None
        self.config = config
        self.prepared = prepared
        self.engine = engine
        self.state = state
        self.checkpoint = checkpoint

    def run(self, observer: Observer) -> None:
        """Train what is left."""
        train_stages(self.config, self.state, self.data, self.engine, observer, self.checkpoint)

    def data(self, stage_index: int, stage: Stage) -> StageData:
        """The batches of a stage."""
        views = None if self.features is None else self.features.views
        return StageData(self.config, self.read, self.state.method, stage_index, stage, self.engine, views)

    @property
    def read(self) -> Prepared:
        """The data as they are read: what a frozen part made of them, or themselves."""
        return self.prepared if self.features is None else self.features.prepared

    def keep_features(self, folder: Path, progress: Progress, pool: Samples | None) -> None:
        """Compute once what a frozen part makes of the samples, where that pays off."""
        method, device = self.state.method, self.engine.device
        self.features = frozen_features(
            self.config, self.prepared, method, folder, device, progress.message, progress.preparing, pool
        )

    def size(self) -> tuple[int, int]:
        """Samples and epochs of the whole run."""
        stages = [self.data(stage_index, stage) for stage_index, stage in enumerate(self.state.method.stages())]
        return sum(data.epochs * data.images_per_epoch for data in stages), sum(data.epochs for data in stages)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: TracebackType | None) -> None:
        self.engine.close()


def start_training(
    config: RunConfig,
    prepared: Prepared,
    method: Method,
    precision: Precision,
    folder: Path,
    *,
    rank: int = 0,
    port: int = 0,
    refuse_failed: Callable[[], None] = lambda: None,
) -> Training:
    """Bring a run to where it stood: on the device, together with the other processes, with its last checkpoint."""
    engine = Engine(
        device_name(config.training.device), precision, config.training.processes, rank, port, refuse_failed
    )
    engine.to_device(method)
    average = None if config.training.ema is None else AveragedNetwork(method.deployable(), config.training.ema)
    state = TrainingState(method, average)
    checkpoints = CheckpointFolder(folder / "checkpoints")
    checkpoint = checkpoints.load("last") if "last" in checkpoints else None
    stages, epochs = method.stages(), config.training.epochs
    if checkpoint is not None and "best" in checkpoints:
        best = checkpoints.load("best")
        refuse_other_best(best.values, stages, epochs, checkpoints.index("best"))
        state.best = best_from_checkpoint(best)
    if checkpoint is not None:
        refuse_other_position(checkpoint.values, stages, epochs, checkpoints.index("last"))
        state.restore_position(checkpoint)
    engine.wait_for_all()  # nobody writes a checkpoint before everybody has read it
    return Training(config, prepared, engine, state, checkpoint)


def precision_of(stored: Mapping[str, Any]) -> Precision:
    """The choice that environment.json records."""
    return Precision(**stored["precision"])


def _hold(config: RunConfig, folder: Path | None, resume: bool) -> RunFolder:
    if folder is not None:
        return RunFolder.at(folder, config, resume=resume)
    return RunFolder.continue_or_create(config) if resume else RunFolder.create(config)


def _last_words(run: RunFolder, text: str) -> None:
    with contextlib.suppress(OSError):  # the disk may be what is wrong; the reason is raised anyway
        run.log(text)


def _stored_result(config: RunConfig, folder: Path) -> dict[str, Any]:
    with RunFolder.at(folder, config, resume=True) as run:
        stored: dict[str, Any] = run.read_json(RESULT["train"])
        return stored


def _train_in(
    run: RunFolder,
    config: RunConfig,
    prepared: Prepared,
    method: Method,
    progress: Progress,
    shared: SharedStages | None,
    features: Path | None,
    pool: Samples | None,
) -> dict[str, Any]:
    started = time.perf_counter()
    precision = _settle_environment(run, config, prepared, method, progress)
    with Workers(run.path, config.training.processes) as workers:
        training = start_training(
            config, prepared, method, precision, run.path, port=workers.port, refuse_failed=workers.refuse_failed
        )
        if shared is not None and training.checkpoint is None:
            training.checkpoint = shared.latest(method.stages(), config.training.epochs)
        state = _run_first(run, training, progress, shared, features or run.path / FEATURES, pool)
    state.total_seconds = max(state.total_seconds, time.perf_counter() - started)
    result = finish(config, prepared, state, run.path, training.read)
    if features is None:
        shutil.rmtree(run.path / FEATURES, ignore_errors=True)
    run.write_json(RESULT["train"], result)
    run.log(f"finished: {result['selected']['after'] or result['selected']['before']}")
    stored: dict[str, Any] = run.read_json(RESULT["train"])
    return stored


def _run_first(
    run: RunFolder,
    training: Training,
    progress: Progress,
    shared: SharedStages | None,
    features: Path,
    pool: Samples | None,
) -> TrainingState:
    config, state = training.config, training.state
    images, epochs = training.size()
    precision = training.engine.precision.setting
    resumed = training.checkpoint is not None
    if training.checkpoint is not None:
        state.restore_position(training.checkpoint)
        run.log(f"goes on after {len(state.records)} epochs")
    notes = state.method.notes(config.training.sampler)
    progress.begin(RunStart(run.path, training.prepared, images, state.images, epochs, resumed, precision, notes))
    checkpoints = CheckpointFolder(run.path / "checkpoints")
    make_folder(checkpoints.path)
    try:
        training.keep_features(features, progress, pool)
        progress.ready(features)
        with contextlib.closing(MetricsLog(run.path, state.records)) as metrics, training:
            training.run(FirstProcess(config, training.read, state, checkpoints, metrics, progress, shared))
    finally:
        progress.end()
    return state


def _settle_environment(
    run: RunFolder, config: RunConfig, prepared: Prepared, method: Method, progress: Progress
) -> Precision:
    """Record machine and precision once; a resumed run takes over the precision, and says where the machine differs."""
    device = device_name(config.training.device)
    now = environment(device, config.training.processes)
    data = fingerprint_for(prepared, [config])
    if (run.path / "environment.json").exists():
        stored = run.read_json("environment.json")
        refuse_changed_data(run.path, data, BEGIN_ANEW)
        changed = differences(stored, now)
        if changed:
            text = "not the machine on which the run began, so its last bits may differ: " + "; ".join(changed)
            run.log(text)
            progress.message(text)
            warnings.warn(text, stacklevel=4)
        return precision_of(stored)
    precision = precision_for(config.training, method.deployable(), prepared.splits.training, torch.device(device))
    record(run.path, data)
    run.write_json("environment.json", {**now, "precision": precision.to_json()})
    run.log(f"begins: method {config.method}, seed {config.seed}, {device}, precision {precision.setting}")
    return precision
