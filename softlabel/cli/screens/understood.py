"""What a command understood of data and settings, in a few lines, before it trains."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from softlabel.text.numbers import count
from softlabel.text.visible import shortened
from softlabel.text.words import counted

if TYPE_CHECKING:
    from softlabel.networks.config import NetworkConfig
    from softlabel.tasks.prepared import Prepared
    from softlabel.training.config import TrainingConfig

INDENT = 9
NAME_WIDTH = 24
NOTES_SHOWN = 2
SAID_ANYWAY = ("images are held in memory", "test part", "protocol ")
"""Beginnings of notes that repeat the line on the splits, or say that all is as usual."""
_TRAINED = {"all": "", "last": ", last stage and head trained", "head": ", only the head trained"}
CORRECTED = "corrections: "
"""The beginning of the note that tells how many labels a table of corrections changed."""


def folder_line(folder: Path) -> str:
    """Where everything lands: the first and the last line of a run."""
    return line("folder", str(folder.resolve()))


def understood(prepared: Prepared, network: NetworkConfig, training: TrainingConfig) -> str:
    """Data, task and why, splits, network, and what a person should know of the data."""
    lines = [
        line("data", f"{prepared.config.source}: {prepared.source.description}"),
        line("task", _task(prepared)),
        line("splits", _splits(prepared)),
        line("network", _network(prepared, network, training)),
    ]
    lines += [line("warning", warning) for warning in prepared.warnings]
    notes = worth_saying([*prepared.source.notes, *prepared.splits.notes])
    lines += [line("labels", note.removeprefix(CORRECTED)) for note in notes if note.startswith(CORRECTED)]
    notes = [note for note in notes if not note.startswith(CORRECTED)]
    lines += [line("note", note) for note in notes[:NOTES_SHOWN]]
    if len(notes) > NOTES_SHOWN:
        lines.append(line("", f"{len(notes) - NOTES_SHOWN} more notes are in the results"))
    return "\n".join(lines)


def worth_saying(notes: Sequence[str]) -> list[str]:
    """The notes that a person would miss."""
    return [note for note in notes if not note.startswith(SAID_ANYWAY)]


def line(title: str, text: str) -> str:
    """A title in a column of its own, and its text, cut to one or two lines of 80 columns."""
    width = 80 - INDENT
    # a path stays one word, so that it can be copied
    parts = textwrap.wrap(shortened(text, 2 * width), width, break_long_words=False, break_on_hyphens=False)
    first, *rest = parts or [""]
    return "\n".join([f"{title:<{INDENT}}{first}", *(" " * INDENT + more for more in rest)])


def _task(prepared: Prepared) -> str:
    """The kind of task and why it is that, and its axes or the tail."""
    return f"{prepared.task.name}, as {_reason(prepared)}; {prepared.task.describe_axes() or _tail(prepared)}"


def _tail(prepared: Prepared) -> str:
    """How many training rows the classes have."""
    counts = prepared.class_counts
    rarest, most = int(counts.argmin()), int(counts.argmax())
    if counts[rarest] == counts[most]:
        return f"every class has {count(counts[most].item())}"
    return f"rarest {_amount(prepared, rarest)}, most {_amount(prepared, most)}"


def _reason(prepared: Prepared) -> str:
    """What in the data made it this task."""
    source, kind = prepared.source, prepared.source.annotation_kind
    asked: str | list[str] | None = getattr(prepared.config, kind.option) if kind.option else None
    one = [asked] if isinstance(asked, str) else []
    columns = kind.told_columns(one or asked or [], source.class_names)
    where = f" (column{'' if one else 's'} {', '.join(map(repr, columns))})" if columns else ""
    return kind.reason(source.samples.annotation) + where


def _amount(prepared: Prepared, place: int) -> str:
    """A class and the training rows, or the rows' worth of votes, that it has."""
    rows = count(round(prepared.class_counts[place].item(), 1))
    return f"{shortened(prepared.task.class_names[place], NAME_WIDTH)!r}: {rows}"


def _splits(prepared: Prepared) -> str:
    rows = prepared.rows
    effective = prepared.effective_validation_size
    validation = "none" if effective is None else f"{rows['validation']:,}"
    if effective is not None and round(effective) != rows["validation"]:
        validation += f" (worth {effective:.0f})"
    return f"training {rows['training']:,}, validation {validation}, test {rows['test']:,}; {prepared.config.protocol}"


def _network(prepared: Prepared, network: NetworkConfig, training: TrainingConfig) -> str:
    from softlabel.networks.build import PRETRAINED, SMALL, backbone_name, is_pretrained
    from softlabel.training.config import settled_training

    per_pixel = prepared.task.per_pixel
    name = backbone_name(network, prepared.inputs)
    why = {"mlp": "features", "resnet8": "images", PRETRAINED: f"images above {SMALL} pixels"}
    automatic = "encoder_decoder (auto: masks)" if per_pixel else f"{name} (auto: {why.get(name)})"
    backbone = automatic if network.backbone == "auto" else name
    fine_tuning = is_pretrained(network, prepared.inputs, per_pixel=per_pixel)
    settled = settled_training(training, fine_tuning=fine_tuning)
    begun = ", ImageNet weights" if name == PRETRAINED and fine_tuning else ""
    steps = f"{counted(training.epochs, 'epoch')} of batches of {training.batch_size}"
    course = f"{steps}, {settled.optimiser}, rate {settled.learning_rate:g}"
    return f"{backbone}{begun}{_TRAINED[network.trainable]}; {course}"
