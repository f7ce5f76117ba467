"""Single test rows of the model that is looked at closely, with what it says of them: wrong ones, undecided ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from softlabel.report.comparison import Comparison, has_several_labels
from softlabel.report.drawing.axis_samples import AxisSample, axis_sample
from softlabel.report.drawing.cell_grid import CellGrid, cell_grid
from softlabel.report.drawing.grid_samples import grid_sample
from softlabel.report.drawing.label_axis import LabelAxis, label_axis
from softlabel.report.drawing.png import own_png
from softlabel.text.numbers import is_number, number

SHOWN = 12
NAMED = 4


@dataclass(frozen=True)
class Bar:
    """One class of a prediction: its name, its share as text and as percent of the bar, and if it is the truth."""

    name: str
    share: str
    percent: str
    true: bool


@dataclass(frozen=True)
class Sample:
    """A test row: its image (a data URI, tiny ones to be shown with hard pixels), its truth, and the prediction.

    measured   why it is shown, in words and a number
    along      the prediction along a label axis or on a grid of two, in place of bars
    """

    name: str
    image: str | None
    tiny: bool
    truth: str
    measured: str
    bars: list[Bar]
    along: AxisSample | None


@dataclass(frozen=True)
class Gallery:
    """Test rows under a heading, and why these."""

    title: str
    lead: str
    samples: list[Sample]


def galleries(comparison: Comparison) -> list[Gallery]:
    """The most wrong and the most ambiguous rows; what was not stored is left out."""
    cell = comparison.shown_cell
    if cell is None:
        return []
    by = f"by {cell['method']}, seed {cell['seed']}"
    axis = label_axis(comparison) or cell_grid(comparison)
    several = has_several_labels(comparison)
    how = "The truth is set in bold." if axis is None else _ALONG if isinstance(axis, LabelAxis) else _ON_GRID
    found = [
        Gallery(
            "Most wrong test rows",
            f"Largest loss against the truth, {by}. Sure and wrong: look here first for wrong labels. {how}",
            _samples(cell.get("worst") or [], "loss", axis, several),
        ),
        Gallery(
            "Most ambiguous test rows",
            f"Highest entropy of the predicted distribution, {by}. Ambiguous is not wrong. {how}",
            _samples(cell.get("ambiguous") or [], "entropy", axis, several),
        ),
    ]
    return [gallery for gallery in found if gallery.samples]


_ALONG = (
    "Curve: the predicted distribution along the label axis; shaded: its central 80 %; triangle: the answer; "
    "dashed line: the truth; dotted: the label that such a row is trained on, drawn as high."
)


_ON_GRID = "Colour: the predicted distribution, pitch upwards; ring: the answer; cross: the truth."


def _samples(
    stored: list[dict[str, Any]], measure: str, axis: LabelAxis | CellGrid | None, several: bool
) -> list[Sample]:
    ordered = sorted(stored, key=lambda entry: -(entry[measure] if is_number(entry[measure]) else 0.0))
    return [_sample(entry, measure, axis, several) for entry in ordered[:SHOWN]]


def _sample(entry: dict[str, Any], measure: str, axis: LabelAxis | CellGrid | None, several: bool) -> Sample:
    picture = own_png(entry.get("image"))
    probabilities = {name: share for name, share in entry["probabilities"].items() if is_number(share)}
    first = sorted(probabilities.items(), key=lambda pair: -pair[1])[:NAMED]
    truth = str(entry["truth"])
    true = set(truth.split(", ")) if several else {truth}
    along = _along(axis, entry, truth)
    return Sample(
        name=str(entry["sample_id"]),
        image=picture[0] if picture else None,
        tiny=bool(picture and picture[1]),
        truth=truth,
        measured=f"{measure}\u00a0{number(entry[measure], 2)}",
        bars=[
            Bar(name, number(share, 2), f"{100 * min(max(share, 0.0), 1.0):.1f}", name in true)
            for name, share in first
            if along is None
        ],
        along=along,
    )


def _along(axis: LabelAxis | CellGrid | None, entry: dict[str, Any], truth: str) -> AxisSample | None:
    if isinstance(axis, CellGrid):
        return grid_sample(axis, entry.get("grid"), truth)
    return axis_sample(axis, entry.get("axis"), truth) if axis else None
