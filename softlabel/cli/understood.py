"""What a command understood of data and settings, in a few lines, before it trains."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from softlabel.report.numbers import count
from softlabel.report.visible import shortened

if TYPE_CHECKING:
    from softlabel.networks.config import NetworkConfig
    from softlabel.training.config import TrainingConfig
    from softlabel.training.prepare import Prepared

INDENT = 9
NOTES_SHOWN = 2
SAID_ANYWAY = ("images are held in memory", "test part", "protocol ")
"""Beginnings of notes that repeat the line on the splits, or say that all is as usual."""


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
    lines += [line("warning", warning) for warning in [*prepared.source.warnings, *prepared.splits.warnings]]
    notes = worth_saying([*prepared.source.notes, *prepared.splits.notes])
    lines += [line("note", note) for note in notes[:NOTES_SHOWN]]
    if len(notes) > NOTES_SHOWN:
        lines.append(line("", f"{len(notes) - NOTES_SHOWN} more notes are in the results"))
    return "\n".join(lines)


def worth_saying(notes: Sequence[str]) -> list[str]:
    """The notes that a person would miss."""
    return [note for note in notes if not note.startswith(SAID_ANYWAY)]


def line(title: str, text: str) -> str:
    """A title in a column of its own, and its text, cut to one or two lines of 80 columns."""
    first, *rest = textwrap.wrap(shortened(text, 2 * (80 - INDENT)), 80 - INDENT, break_long_words=False) or [""]
    return "\n".join([f"{title:<{INDENT}}{first}", *(" " * INDENT + more for more in rest)])


def _task(prepared: Prepared) -> str:
    reason = {"label": "one label a row", "distribution": "votes in each row"}[prepared.source.annotation_kind]
    counts = prepared.class_counts
    rarest, most = int(counts.argmin()), int(counts.argmax())
    names = prepared.task.class_names
    size = f"{count(counts[rarest].item())} ({names[rarest]}) to {count(counts[most].item())} ({names[most]})"
    return f"{prepared.task.name} ({reason}), {len(names)} classes of {size}"


def _splits(prepared: Prepared) -> str:
    rows = prepared.rows
    effective = prepared.effective_validation_size
    validation = "none" if effective is None else f"{rows['validation']:,} (worth {effective:.0f})"
    return f"training {rows['training']:,}, validation {validation}, test {rows['test']:,}; {prepared.config.protocol}"


def _network(prepared: Prepared, network: NetworkConfig, training: TrainingConfig) -> str:
    automatic = {"image": "resnet8", "features": "mlp"}[prepared.inputs.kind]
    backbone = automatic if network.backbone == "auto" else network.backbone
    steps = f"{training.epochs} epochs, batches of {training.batch_size}"
    return f"{backbone}, {steps}, {training.optimiser}, learning rate {training.learning_rate:g}"
