"""Out-of-sample predictions of a run's own rows: its recipe is trained k times, each time without a k-th of them.

Everything lies in the run's folder, under `review/folds-K`: a run folder per fold, which goes on after a kill as any
run does, and `predictions.safetensors` when all are done. Its test rows are never read.
"""

from __future__ import annotations

import hashlib
import math
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from softlabel.analysis.folds import Folds, folds_of
from softlabel.bounded_files import checked, content_of
from softlabel.bounds import MOST_FOLDS
from softlabel.deployed.model_folder import DeployedModel, load_model
from softlabel.deployed.predict import refuse_no_probabilities
from softlabel.errors import ConfigError, RunError, UnsupportedError
from softlabel.evaluation.calibrated import fitted
from softlabel.evaluation.scores import collect, device_of
from softlabel.runs.atomic import make_folder, write_bytes
from softlabel.runs.checkpoint import drop_checkpoints
from softlabel.runs.run_folder import CONFIG, RESULT, read_config, read_json
from softlabel.runs.tensor_files import MOST_TENSORS, metadata_of, tensors_of
from softlabel.runs.trained_on import recorded_columns, refuse_changed_data
from softlabel.tasks.prepared import Prepared, prepare
from softlabel.training.config import RunConfig
from softlabel.training.engine import device_name
from softlabel.training.fingerprinted import fingerprint_for
from softlabel.training.progress import Progress
from softlabel.training.train import FEATURES, train

FORMAT = "1"
PREDICTIONS = "predictions.safetensors"


class FoldProgress:
    """What cross-fitting tells about its progress; nothing of it is shown but what a subclass shows."""

    def begin(self, folds: Folds, config: RunConfig, finished: int) -> None:
        """Everything was understood; folds will be trained, of which so many are finished already."""

    def fold(self, number: int) -> Progress:
        """The progress of one fold's run, numbered from 0."""
        return Progress()

    def end(self) -> None:
        """All folds are trained, or the training was interrupted."""


@dataclass(frozen=True)
class CrossFitted:
    """What models that had not seen them say of the reviewed rows.

    rows            (N,) places in `folds.samples`
    probabilities   (N, K) float32, after the temperature
    temperature     one for all folds, fitted to all reviewed rows: the validation rows of a fold are few, and rows that
                    are ranked together need one yardstick
    folder          where it is stored
    """

    config: RunConfig
    folds: Folds
    rows: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    temperature: float
    folder: Path


def cross_fit(run: Path, count: int = 5, progress: FoldProgress | None = None) -> CrossFitted:
    """The predictions of a finished training run's own rows: those that are stored, or else the folds are trained.

    Raises RunError for a folder that is no finished training run, or whose data have changed; UnsupportedError for a
    task without one class or distribution per row; ConfigError for fewer than two folds, or more than there are rows.
    """
    if not 2 <= count <= MOST_FOLDS:
        raise ConfigError(f"folds must be a whole number from 2 to {MOST_FOLDS:,}, not {count!r:.60}")
    config = _configuration(run)
    prepared = prepare(config.data, config.task, config.axis, recorded_columns(run))
    _refuse_other_data(run, config, prepared)
    if prepared.task.spreads or not prepared.task.one_class:
        raise UnsupportedError(
            f"{run} has the task {prepared.task.name}; a review is of classification or distribution, where each row "
            "has a label"
        )
    folds = folds_of(prepared, count)
    if len(np.unique(folds.fold[folds.reviewed])) < count:
        raise ConfigError(f"folds: {count} are more than the {len(folds.reviewed):,} rows that can be held out")
    folder = run / "review" / f"folds-{count}"
    if not os.path.lexists(folder / PREDICTIONS):
        _train(config, folds, folder, progress or FoldProgress())
    probabilities, temperature = _read(folder / PREDICTIONS, folds)
    return CrossFitted(config, folds, folds.reviewed, probabilities, temperature, folder)


def _configuration(run: Path) -> RunConfig:
    values = read_config(run)
    if not (run / RESULT["train"]).exists():
        kind = "a comparison" if "comparison" in values else "not finished"
        raise RunError(f"{run} is {kind}; a review needs a finished training run")
    config = checked(values, RunConfig, run / CONFIG)
    one_process = config.training.model_copy(update={"processes": 1})  # others would prepare the run, not the fold
    return config.model_copy(update={"training": one_process})


def _refuse_other_data(run: Path, config: RunConfig, prepared: Prepared) -> None:
    refuse_changed_data(run, fingerprint_for(prepared, [config]))
    if read_json(run / RESULT["train"]).get("test_hash") != prepared.splits.test_hash:
        raise RunError(f"{config.data.source} has changed since the run: its test split is another one now")


def _train(config: RunConfig, folds: Folds, folder: Path, progress: FoldProgress) -> None:
    runs = [folder / f"fold-{number + 1}" for number in range(folds.count)]
    make_folder(folder)
    logits = torch.zeros(len(folds.samples), folds.prepared.task.num_classes)
    progress.begin(folds, config, sum((run / RESULT["train"]).exists() for run in runs))
    try:
        for number, run in enumerate(runs):
            prepared = folds[number]
            train(
                config,
                folder=run,
                resume=True,
                progress=progress.fold(number),
                prepared=prepared,
                features=folder / FEATURES,
                pool=folds.samples,
            )
            refuse_changed_data(run, prepared.splits.fingerprint, f"; remove {folder} to review the rows anew")
            logits[torch.from_numpy(folds.fold == number)] = _answers(_ready(run, config), prepared)
            drop_checkpoints(run)
    finally:
        progress.end()
    shutil.rmtree(folder / FEATURES, ignore_errors=True)
    _write(folder / PREDICTIONS, logits[torch.from_numpy(folds.reviewed)], folds)


def _ready(run: Path, config: RunConfig) -> DeployedModel:
    return load_model(run).to(device_name(config.training.device))


@torch.no_grad()
def _answers(model: DeployedModel, prepared: Prepared) -> Tensor:
    """The logits (n, K) of the rows that the fold holds out, in their order, before temperature."""
    logits, _ = collect(model.logits, prepared.splits.test, device_of(model))
    refuse_no_probabilities(logits, prepared.splits.test.sample_id)
    return logits


def _write(path: Path, logits: Tensor, folds: Folds) -> None:
    from safetensors.torch import save

    temperature = _temperature(logits, folds)
    metadata = {"format": FORMAT, "rows": rows_hash(folds), "temperature": repr(temperature)}
    probabilities = (logits / temperature).softmax(-1).contiguous()
    write_bytes(path, save({"probabilities": probabilities}, metadata=metadata))


def _temperature(logits: Tensor, folds: Folds) -> float:
    """The temperature of all reviewed rows, to which their given labels are most probable; 1 where there is none."""
    task = folds.prepared.task
    annotation = folds.samples.annotation[torch.from_numpy(folds.reviewed)]
    scaling = fitted(task, logits, annotation, cautious=True)
    return scaling.temperature if scaling.bounded else 1.0


def _read(path: Path, folds: Folds) -> tuple[NDArray[np.float32], float]:
    try:
        content = content_of(path, MOST_TENSORS)
        metadata = metadata_of(content, path)
        tensors = tensors_of(content, path)
    except RunError as error:
        raise RunError(f"{error}; remove it, and the stored folds will answer again") from None
    if metadata.get("format") != FORMAT:
        raise RunError(f"{path} has format {metadata.get('format')}; this version reads format {FORMAT}")
    if metadata.get("rows") != rows_hash(folds):
        raise RunError(f"{path} is of other rows or labels than the data have now; remove {path.parent} to review anew")
    temperature = _positive(metadata.get("temperature", ""))
    probabilities = tensors.get("probabilities", torch.zeros(0))
    expected = (len(folds.reviewed), folds.prepared.task.num_classes)
    if temperature is None or probabilities.shape != expected or not _are_distributions(probabilities):
        raise RunError(f"{path} is damaged (no distributions); remove it, and the stored folds will answer again")
    return probabilities.float().numpy(), temperature


def _positive(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 < number < math.inf else None


def _are_distributions(rows: Tensor) -> bool:
    off = (rows.double().sum(-1) - 1).abs()
    return rows.dtype == torch.float32 and bool((off < 1e-3).all()) and not bool((rows < 0).any())


def rows_hash(folds: Folds) -> str:
    """Identifies the reviewed rows: which they are, their labels, their folds and the names of the classes."""
    digest = hashlib.sha256("\x1f".join(folds.prepared.source.class_names).encode(errors="surrogatepass"))
    for values in (folds.samples.sample_id.numpy(), folds.samples.annotation.numpy(), folds.fold):
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()
