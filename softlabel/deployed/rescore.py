"""Scores of a model that was trained before: on a split of its own data, or on other labelled data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from softlabel.data.config import Columns, DataConfig
from softlabel.data.reading.columns import settled
from softlabel.data.reading.open_source import open_source
from softlabel.data.samples import Samples
from softlabel.data.source import SPLIT_NAMES, Source
from softlabel.deployed.model_folder import DeployedModel, load_model
from softlabel.deployed.predict import configured_folder, training_data, white_level_of
from softlabel.errors import ConfigError, DataError, RunError
from softlabel.evaluation.scores import evaluate_at
from softlabel.runs.openings import record_opening
from softlabel.runs.trained_on import recorded_columns, refuse_changed_rows
from softlabel.tasks.config import AxisConfig
from softlabel.tasks.discovery import tasks_for
from softlabel.tasks.evaluator import Groups
from softlabel.tasks.prepared import prepare
from softlabel.tasks.resolve import task_for, task_from_json
from softlabel.tasks.task import Task
from softlabel.text.words import among

Split = Literal["training", "validation", "test", "all"]
Watch = Callable[[Tensor, Tensor], None]
"""Sees rows and unscaled logits of every chunk."""


@dataclass(frozen=True)
class Rescored:
    """Scores of the shipped model on labelled data.

    temperature_flag  what the temperature rests on, where that is too little
    before, after   each score by name, without and with the model's temperature
    titles          each score's title and the direction in which it gets better
    details         reliability, per-class table, groups, confusion, after temperature
    """

    source: str
    split: Split
    rows: int
    temperature: float
    temperature_flag: str | None
    before: dict[str, float | None]
    after: dict[str, float | None]
    titles: dict[str, tuple[str, str]]
    details: dict[str, Any]
    notes: list[str]

    def to_json(self) -> dict[str, Any]:
        """Plain numbers and strings."""
        return {
            "source": self.source,
            "split": self.split,
            "rows": self.rows,
            "temperature": self.temperature,
            "temperature_flag": self.temperature_flag,
            "before": self.before,
            "after": self.after,
            "details": self.details,
            "notes": self.notes,
        }


@dataclass(frozen=True)
class LabelledPart:
    """Labelled samples in the classes of the model."""

    source: str
    split: Split
    samples: Samples
    task: Task
    notes: list[str]


def evaluate(
    run: str | Path,
    other: DataConfig | None = None,
    split: Split | None = None,
    *,
    watch: Callable[[LabelledPart, float], Watch] | None = None,
) -> Rescored:
    """Score the model of a run.

    other   other labelled data; by default the run's own
    split   of the run's own data 'test' by default; of other data all rows
    watch   asked before anything is scored, with the rows and the model's temperature, for what is to see the logits

    Raises RunError for a folder without a whole model, or whose data have changed since; DataError or ConfigError for
    data that the model cannot be scored on.
    """
    model = load_model(Path(run))
    part = _own_part(Path(run), model, split or "test") if other is None else _other_part(model, other, split or "all")
    _refuse_other_inputs(model, part)
    watching = None if watch is None else watch(part, model.temperature)
    notes = part.notes + (_recorded(Path(run)) if other is None and part.split == "test" else [])
    counts, groups = _training_counts(model, part)
    before, after = evaluate_at(
        model.logits,
        part.samples,
        part.task,
        counts,
        groups,
        [1.0, model.temperature],
        device=torch.device("cpu"),
        watch=watching,
    )
    statistics = part.task.statistics(counts, groups)
    return Rescored(
        source=part.source,
        split=part.split,
        rows=len(part.samples),
        temperature=model.temperature,
        temperature_flag=model.card.get("temperature_flag"),
        before=before.scores(),
        after=after.scores(),
        titles={statistic.name: (statistic.title, statistic.better) for statistic in statistics},
        details={"reliability": after.reliability(), **after.details()},
        notes=notes,
    )


def _own_part(run: Path, model: DeployedModel, split: Split) -> LabelledPart:
    data = training_data(run)
    if data is None:
        raise ConfigError(
            f"{run} does not say what it was trained on (no config.toml); name labelled data with --source"
        )
    if split == "all":
        raise ConfigError("--split all would mix rows that were trained on with others; name one split")
    axis = AxisConfig.model_validate(model.task_json.get("axis", {}))
    folder = configured_folder(run) or run
    prepared = prepare(data, model.task_json["name"], axis, recorded_columns(folder))
    changed = refuse_changed_rows(folder, prepared.splits.fingerprint, split)
    other_test = split == "test" and prepared.splits.test_hash != model.card.get("test_hash")
    if prepared.task.class_names != model.class_names or other_test:
        raise RunError(f"{data.source} has changed since the model was trained: its test split is another one now")
    parts = {
        "training": prepared.splits.training,
        "validation": prepared.splits.validation,
        "test": prepared.splits.test,
    }
    samples = parts[split]
    if samples is None:
        raise ConfigError(f"--split {split}: the run has no {split} split (protocol {data.protocol})")
    seen = {"training": "the model was trained on these rows", "validation": "the model was selected on these rows"}
    task = prepared.task.read_as(model.task_json.get("link", "softmax"))
    return LabelledPart(data.source, split, samples, task, [*([seen[split]] if split in seen else []), *changed])


def _recorded(run: Path) -> list[str]:
    folder = configured_folder(run)
    recorded = folder is not None and record_opening(folder, "evaluate")
    return [] if recorded else ["this look at the test rows could not be counted: the run folder takes no file"]


def _as_trained(model: DeployedModel, data: DataConfig) -> DataConfig:
    """Other data, with images brought to the model's size as those of the training were."""
    changes: dict[str, Any] = {"white_level": white_level_of(model)}
    if model.inputs.fit is not None and data.resize is None:
        changes |= {"resize": tuple(model.inputs.shape[1:]), "fit": model.inputs.fit}
    return data.model_copy(update=changes)


def _other_part(model: DeployedModel, data: DataConfig, split: Split) -> LabelledPart:
    source = open_source(_as_trained(model, data), Columns(features=tuple(model.inputs.names)))
    _refuse_nameless(model, source)
    task = task_from_json(model.task_json)
    refuse_other_annotation(task, source)
    samples = _in_model_classes(source, model.class_names, model.card.get("value_columns"))
    if task.annotation_kind is not source.annotation_kind:
        task = task_for("auto", source.annotation_kind, model.class_names, source.samples.annotation, AxisConfig())
    if split != "all":
        if source.split is None:
            raise ConfigError(f"--split {split}: {data.source} says nothing of splits; leave the option out")
        wanted = SPLIT_NAMES.index({"training": "train"}.get(split, split))
        samples = samples.select((source.split == wanted).nonzero().flatten())
        if not len(samples):
            raise DataError(f"{data.source}: the {split} split is empty, expected at least one row")
    return LabelledPart(data.source, split, samples, task, [*source.warnings, *source.notes])


def refuse_other_annotation(task: Task, source: Source) -> None:
    """Raises DataError where numbers meet classes, one number meets two, or other classes fit no task or several."""
    own, given = task.annotation_kind, source.annotation_kind
    if own is not given and (own.numbers or given.numbers or len(tasks_for(given)) != 1):
        raise DataError(f"{source.name} has {given.given}, and the model's task {task.name} needs {own.given}")


def _refuse_nameless(model: DeployedModel, source: Source) -> None:
    """Raises DataError where a model picks its features by name, and these have none."""
    if model.inputs.names and source.samples.input_kind == "features" and source.feature_names != model.inputs.names:
        raise DataError(
            f"{source.name}: its features have no names, and the model picks them by name: {among(model.inputs.names)}"
        )


def _in_model_classes(source: Source, class_names: list[str], value_columns: list[str] | None = None) -> Samples:
    """The samples with their annotation in the model's order of classes, or of several values.

    Classes that the source lacks have no rows; of votes and levels it must say something of every class.
    """
    kind = source.annotation_kind
    if kind.numbers:
        return _in_model_values(source, value_columns or [])
    unknown = [name for name in source.class_names if name not in class_names]
    if unknown:
        known = ", ".join(class_names[:12]) + (" …" if len(class_names) > 12 else "")
        raise DataError(f"{source.name}: the model does not know the class {unknown[0]!r}; its classes are {known}")
    place = torch.tensor([class_names.index(name) for name in source.class_names])
    missing = [name for name in class_names if name not in source.class_names]
    if missing and kind.per_class:
        raise DataError(
            f"{source.name}: no column of {kind.name} for {among(missing)}, expected one for each class of the model"
        )
    return source.samples.annotated(kind.renumbered(source.samples.annotation, place, len(class_names)))


def _in_model_values(source: Source, columns: list[str]) -> Samples:
    """Several values in the order in which the model was trained on them."""
    if not columns or not source.class_names:
        return source.samples
    names = settled(columns, source.class_names, source.name)
    order = torch.tensor([source.class_names.index(name) for name in names])
    return source.samples.annotated(source.samples.annotation[:, order])


def _training_counts(model: DeployedModel, part: LabelledPart) -> tuple[Tensor, Groups]:
    """What defines many, medium and few: the counts the model was trained on."""
    counts, groups = model.card.get("training_counts"), model.card.get("groups", "counts")
    if not isinstance(counts, list) or len(counts) != len(model.class_names):
        return part.task.class_counts(part.samples.annotation), "counts"
    return torch.tensor(counts, dtype=torch.float64), "thirds" if groups == "thirds" else "counts"


def _refuse_other_inputs(model: DeployedModel, part: LabelledPart) -> None:
    expected, kind, shape = model.inputs, part.samples.input_kind, tuple(part.samples.input_shape)
    if expected.kind == kind and tuple(expected.shape) == shape:
        return
    hint = "; --resize brings images to that size" if kind == expected.kind == "image" else ""
    takes = _words(expected.kind, tuple(expected.shape))
    raise DataError(f"{part.source}: {_words(kind, shape)}, but the model takes {takes}{hint}")


def _words(kind: str, shape: tuple[int, ...]) -> str:
    if kind == "features":
        return f"rows of {shape[0]} features"
    channels, height, width = shape
    return f"{'grey' if channels == 1 else 'colour'} images of {height} x {width} pixels"
