"""What a command understood of data and settings, in a few lines, before it trains."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from softlabel import __version__
from softlabel.report.numbers import count
from softlabel.report.visible import shortened

if TYPE_CHECKING:
    from softlabel.training.config import NetworkConfig, TrainingConfig
    from softlabel.training.prepare import Prepared

INDENT = 12
NOTES_SHOWN = 3


def folder_line(folder: Path) -> str:
    """Where everything lands: the first and the last line of a run."""
    return line("folder", str(folder.resolve()))


def understood(prepared: Prepared, network: NetworkConfig, training: TrainingConfig) -> str:
    """Data, task and why, splits, network, and what a person should know of the data."""
    lines = [
        line("softlabel", f"{__version__}   {prepared.source.description}"),
        line("task", _task(prepared)),
        line("splits", _splits(prepared)),
        line("network", _network(prepared, network, training)),
    ]
    notes = [*prepared.source.warnings, *prepared.source.notes, *prepared.splits.notes]
    lines += [line("note", note) for note in notes[:NOTES_SHOWN]]
    if len(notes) > NOTES_SHOWN:
        lines.append(line("", f"and {len(notes) - NOTES_SHOWN} notes more, in the report"))
    return "\n".join(lines)


def line(title: str, text: str) -> str:
    """A title in a column of its own, and its text, cut to one or two lines of 80 columns."""
    first, *rest = textwrap.wrap(shortened(text, 2 * (80 - INDENT)), 80 - INDENT, break_long_words=False) or [""]
    return "\n".join([f"{title:<{INDENT}}{first}", *(" " * INDENT + more for more in rest)])


def _task(prepared: Prepared) -> str:
    reasons = {"label": "one label a row", "distribution": "votes or probabilities in each row"}
    counts = prepared.class_counts
    rarest, most = int(counts.argmin()), int(counts.argmax())
    names = prepared.task.class_names
    return (
        f"{prepared.task.name} ({reasons[prepared.source.annotation_kind]}), {len(names)} classes, in training "
        f"{count(counts[most].item())} of {names[most]!r} to {count(counts[rarest].item())} of {names[rarest]!r}"
    )


def _splits(prepared: Prepared) -> str:
    rows = prepared.rows
    text = f"training {rows['training']:,}, validation {rows['validation']:,}, test {rows['test']:,}"
    effective = prepared.effective_validation_size
    worth = "" if effective is None else f"; validation is worth {effective:.0f} equally weighted rows"
    return f"{text} ({prepared.config.protocol}{worth})"


def _network(prepared: Prepared, network: NetworkConfig, training: TrainingConfig) -> str:
    shape = " x ".join(map(str, prepared.inputs.shape))
    automatic = {"image": "resnet8", "features": "mlp"}[prepared.inputs.kind]
    backbone = automatic if network.backbone == "auto" else network.backbone
    return (
        f"{backbone} on {prepared.inputs.kind} {shape}, {training.epochs} epochs, batches of {training.batch_size}, "
        f"{training.optimiser}, learning rate {training.learning_rate:g}"
    )
