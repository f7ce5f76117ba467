"""What a trained model says of inputs that nobody has labelled."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from softlabel.bounded_files import checked
from softlabel.data.config import DataConfig
from softlabel.data.images import FULL_SCALE
from softlabel.data.reading.unlabelled import Expected, Inputs, read_inputs
from softlabel.data.samples import Samples
from softlabel.deployed.model_files import find_model
from softlabel.deployed.model_folder import DeployedModel, load_model
from softlabel.errors import ConfigError, RunError
from softlabel.evaluation.scores import device_of, rows_at_once
from softlabel.networks.inputs import Fit
from softlabel.runs.run_folder import CONFIG, read_config
from softlabel.tasks.resolve import task_from_json
from softlabel.tasks.task import Task

CHUNK = 256


@dataclass(frozen=True)
class Predictions:
    """Inputs that were read and checked, and the model that answers them.

    places         what names a row: 'file', or 'row' (from 1) of a table, or both
    abstain_below  the confidence under which an answer has no label; its distribution stays
    """

    model: DeployedModel
    inputs: Inputs
    places: tuple[str, ...]
    abstain_below: float = 0.0

    @property
    def task(self) -> Task:
        """What the answers are."""
        return task_from_json(self.model.task_json)

    def __len__(self) -> int:
        return len(self.inputs.names)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The answers in the order of the inputs: places, label, confidence, distribution."""
        for answer, _ in self.with_probabilities():
            yield answer

    def with_probabilities(self) -> Iterator[tuple[dict[str, Any], Tensor]]:
        """The answers as above, each with its probabilities (K,), or (K, H, W) of pixels."""
        said = answers_and_probabilities(self.model, self.inputs.samples)
        rows = zip(self.inputs.names, self.inputs.samples.sample_id, said, strict=True)
        for name, sample_id, (answer, probabilities) in rows:
            place = {"file": name, "row": int(sample_id) + 1}
            kept = {} if answer.get("confidence", 1.0) >= self.abstain_below else {"label": None}
            yield {key: place[key] for key in self.places} | answer | kept, probabilities


def predict(
    run: str | Path,
    source: object,
    *,
    image_column: str | None = None,
    feature_columns: Sequence[str] = (),
    image_root: str | None = None,
    resize: bool | None = None,
    skip_bad: bool = False,
    abstain_below: float = 0.0,
) -> Predictions:
    """Read what is to be predicted in the shape that the model of `run` expects; answers come when iterated.

    run            the folder of a comparison, a run or a model
    source         the path of an image, a folder of images or a table (csv, parquet); a data frame, an Arrow table, an
                   array (N, D) of features, or uint8 (N, C, H, W) of images; a Pillow image, or a list of pictures
    columns        by default those that the run was trained on; features are picked by name, others passed over
    image_root     folder from which image paths of a table start; by default as in training
    resize         whether images of another size are brought to the model's; by default as in training
    abstain_below  a share; answers of lower confidence have None as their label

    Raises RunError for a folder without a whole model or an answer that is not finite, DataError or ConfigError for
    inputs that cannot be used.
    """
    _refuse_no_share(abstain_below)
    return predictions_of(
        load_model(Path(run)),
        training_data(Path(run)),
        source,
        image_column=image_column,
        feature_columns=feature_columns,
        image_root=image_root,
        resize=resize,
        skip_bad=skip_bad,
        abstain_below=abstain_below,
    )


def _refuse_no_share(abstain_below: float) -> None:
    if not 0.0 <= abstain_below <= 1.0:
        raise ConfigError(f"abstain_below: {abstain_below} is not a share between 0 and 1")


def predictions_of(
    model: DeployedModel,
    trained: DataConfig | None,
    source: object,
    *,
    image_column: str | None = None,
    feature_columns: Sequence[str] = (),
    image_root: str | None = None,
    resize: bool | None = None,
    skip_bad: bool = False,
    abstain_below: float = 0.0,
) -> Predictions:
    """As `predict`, by a model that was loaded before.

    trained   how the data of its run were read, None where that is not known
    """
    _refuse_no_share(abstain_below)
    if abstain_below and "confidence" not in task_from_json(model.task_json).answer_fields:
        raise ConfigError("abstain_below: answers of this model are numbers or several labels, without one confidence")
    trained = trained or DataConfig()
    expected = Expected(
        kind=model.inputs.kind,
        shape=tuple(model.inputs.shape),
        fit=_fit(model, trained, resize),
        image_column=image_column or trained.image_column,
        feature_names=model.inputs.names,
        feature_columns=list(feature_columns) or ([] if model.inputs.names else trained.feature_columns),
        image_root=image_root or trained.image_root,
        white_level=white_level_of(model) or FULL_SCALE,
        skip_bad=skip_bad,
        max_pixels=round(trained.max_megapixels * 1e6),
    )
    return Predictions(model, read_inputs(source, expected), _places(source, expected), abstain_below)


def _fit(model: DeployedModel, trained: DataConfig, resize: bool | None) -> Fit | None:
    """How images of another size are brought to that of the model; None where they are refused."""
    if resize is None:
        return model.inputs.fit
    return (model.inputs.fit or trained.fit) if resize else None


def white_level_of(model: DeployedModel) -> int | None:
    """The value that was white in the 16-bit images of the training; None where nothing was said of it."""
    value = model.card.get("white_level")
    if value is not None and not (isinstance(value, int) and 1 <= value <= FULL_SCALE):
        raise RunError(
            f"the model is damaged: its white level is {value!r}, expected a whole number up to {FULL_SCALE}"
        )
    return value


def training_data(run: Path) -> DataConfig | None:
    """How the data of a run were read; None for a model folder that was taken out of its run."""
    folder = configured_folder(run)
    return None if folder is None else _data_config(folder)


def configured_folder(run: Path) -> Path | None:
    """The folder of the run that a model belongs to; None for a model folder that was taken out of its run."""
    model = find_model(run)
    return next((place for place in (run, model, model.parent) if (place / CONFIG).is_file()), None)


def answers(model: DeployedModel, samples: Samples, chunk: int = CHUNK) -> Iterator[dict[str, Any]]:
    """One answer a sample, in order: label, calibrated confidence, and the whole distribution by class name.

    Reads `chunk` inputs at a time, so that memory does not grow with the number of samples.
    """
    for answer, _ in answers_and_probabilities(model, samples, chunk):
        yield answer


@torch.no_grad()
def answers_and_probabilities(
    model: DeployedModel, samples: Samples, chunk: int = CHUNK
) -> Iterator[tuple[dict[str, Any], Tensor]]:
    """As `answers`, each with its probabilities (K,), or (K, H, W) of pixels; fewer at a time where these are many."""
    task = task_from_json(model.task_json)
    device = device_of(model)
    model.eval()
    chunk = min(chunk, rows_at_once(samples))
    for start in range(0, len(samples), chunk):
        rows = torch.arange(start, min(start + chunk, len(samples)))
        probabilities = model(samples.read(rows).to(device)).cpu()
        refuse_no_probabilities(probabilities, samples.sample_id[rows])
        yield from zip(task.answer(probabilities), probabilities, strict=True)


def refuse_no_probabilities(probabilities: Tensor, sample_id: Tensor) -> None:
    """Raise RunError with the first row whose answer is not finite: its inputs or the weights are too large."""
    bad = (~probabilities.isfinite().flatten(1).all(1)).nonzero().flatten()
    if len(bad):
        raise RunError(
            f"row {int(sample_id[bad[0]]) + 1}: the model's answer is not a finite distribution; "
            "its inputs, or the weights of the model, are too large"
        )


def _data_config(folder: Path) -> DataConfig:
    return checked(read_config(folder).get("data", {}), DataConfig, folder / CONFIG, within="data")


def _places(source: object, expected: Expected) -> tuple[str, ...]:
    if not isinstance(source, str | os.PathLike):
        return ("row",)
    if Path(source).suffix.lower() not in (".csv", ".tsv", ".txt", ".parquet", ".pq"):
        return ("file",)
    return ("row",) if expected.kind == "features" else ("row", "file")
