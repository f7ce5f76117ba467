"""Error along the label axis: how far off each method is by the true value, and how many rows it was taught there."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes

from softlabel.report.comparison import Comparison, Json, extent, mean
from softlabel.report.drawing.label_axis import LabelAxis, label_axis
from softlabel.report.drawing.palette import MUTED, dash, marker, series_colour
from softlabel.report.drawing.svg import drawing, inline_svg
from softlabel.report.page import Cell, Panel, Section, Table
from softlabel.text.numbers import count, is_number, number, signed

BINS_AT_MOST = 20


@dataclass(frozen=True)
class AxisBin:
    """Neighbouring labels: their places, their lowest and highest value, their rows."""

    places: range
    low: float
    high: float
    training: float
    test: float

    @property
    def middle(self) -> float:
        return (self.low + self.high) / 2

    @property
    def name(self) -> str:
        return f"{self.low:g}" if self.low == self.high else f"{self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class BinErrors:
    """Of one run in one bin: the mean absolute error and the mean error with its sign, NaN without test rows."""

    absolute: float
    signed: float


def error_section(comparison: Comparison) -> Section | None:
    """Where on the axis each method errs; None for tasks without one."""
    axis = label_axis(comparison)
    if axis is None:
        return None
    bins = axis_bins(axis, comparison.cells)
    if not bins:
        return None
    errors = {
        method: [errors_in(axis, bins, cell) for cell in comparison.of(method) if cell["details"].get("by_value")]
        for method in comparison.methods
    }
    absolute = {method: _spread(runs, "absolute") for method, runs in errors.items()}
    biased = {method: _spread(runs, "signed") for method, runs in errors.items()}
    panels = [
        Panel("Mean absolute error", _draw(comparison, axis, bins, absolute, zero=False), _CAPTION),
        Panel("Mean error with its sign", _draw(comparison, axis, bins, biased, zero=True), _SIGN),
    ]
    seeds = "Mean over seeds; bars reach from the least to the greatest."
    return Section(
        "Error along the label axis",
        [f"Test rows by their true value{_width(axis, bins)}. {seeds}"],
        legend=True,
        panels=panels,
        folded=[
            _table("Mean absolute error by true value", axis, bins, absolute, number),
            _table("Mean error by true value", axis, bins, biased, signed),
        ],
    )


_CAPTION = "Below: training rows."
_SIGN = "Above 0, answers are too high; below, too low. A line that falls means answers that are drawn to the middle."


def axis_bins(axis: LabelAxis, cells: Sequence[Json]) -> list[AxisBin]:
    """At most BINS_AT_MOST stretches with as many labels each, from the first to the last value with test rows."""
    tested = _tested(axis, cells)
    if not tested:
        return []
    first, last = min(tested), max(tested)
    step = -(-(last - first + 1) // BINS_AT_MOST)
    stretches = [range(start, min(start + step, last + 1)) for start in range(first, last + 1, step)]
    return [
        AxisBin(
            stretch,
            axis.values[stretch[0]],
            axis.values[stretch[-1]],
            sum(axis.training[place] for place in stretch),
            sum(tested.get(place, 0.0) for place in stretch),
        )
        for stretch in stretches
    ]


def errors_in(axis: LabelAxis, bins: Sequence[AxisBin], cell: Json) -> list[BinErrors]:
    """The errors of one run in every bin."""
    rows = list(_rows(axis, cell))
    return [_pooled([row for place, row in rows if place in one.places]) for one in bins]


def _rows(axis: LabelAxis, cell: Json) -> Iterator[tuple[int, dict[str, Any]]]:
    """What was stored of each label that test rows have, with the label's place."""
    for row in cell["details"].get("by_value") or []:
        known = all(is_number(row.get(name)) for name in ("value", "test_count", *_STORED))
        place = axis.places.get(f"{row['value']:g}") if known else None
        if place is not None and row["test_count"] > 0:
            yield place, row


def _tested(axis: LabelAxis, cells: Sequence[Json]) -> dict[int, float]:
    """Test rows by label: of the first run that has any, as all share them."""
    found = ({place: row["test_count"] for place, row in _rows(axis, cell)} for cell in cells)
    return next(filter(None, found), {})


def _pooled(rows: Sequence[dict[str, Any]]) -> BinErrors:
    total = sum(row["test_count"] for row in rows)
    if not total:
        return BinErrors(math.nan, math.nan)
    return BinErrors(*(sum(row["test_count"] * row[name] for row in rows) / total for name in _STORED))


_STORED = ("absolute_error", "error")

Spread = list[tuple[float, float, float]]
"""For every bin the mean over seeds, the least and the greatest."""


def _spread(runs: Sequence[Sequence[BinErrors]], name: str) -> Spread:
    values = [[getattr(errors, name) for errors in found] for found in zip(*runs, strict=True)]
    return [(mean(found), *extent(found)) for found in values]


def _width(axis: LabelAxis, bins: Sequence[AxisBin]) -> str:
    """What a point stands for, where it is more than a label."""
    labels = len(bins[0].places)
    return f", in stretches of {axis.told(labels * axis.step)}" if labels > 1 else ""


def _table(title: str, axis: LabelAxis, bins: Sequence[AxisBin], errors: dict[str, Spread], written: Any) -> Table:
    means = [[point[0] for point in spread] or [math.nan] * len(bins) for spread in errors.values()]
    rows: list[list[Cell | str]] = [
        [one.name, count(one.training), count(one.test), *(written(own[place]) for own in means)]
        for place, one in enumerate(bins)
    ]
    return Table(f"{title} (means over seeds)", [axis.title, "training", "test", *errors], rows)


def _draw(
    comparison: Comparison, axis: LabelAxis, bins: Sequence[AxisBin], errors: dict[str, Spread], *, zero: bool
) -> Markup:
    title = "Mean error with its sign by true value" if zero else "Mean absolute error by true value"
    with drawing(350, 280) as figure:
        upper, strip = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        if zero:
            upper.axhline(0, color=MUTED, linewidth=1)
        for place, (method, spread) in enumerate(errors.items()):
            shift = (place - (len(errors) - 1) / 2) * 0.09 * _gap(bins)
            _draw_method(upper, bins, spread, comparison.series[method], shift)
        if not zero:
            upper.set_ylim(bottom=0)
        widths = [max(one.high - one.low + axis.step, 1e-9) * 0.9 for one in bins]
        strip.bar([one.middle for one in bins], [one.training for one in bins], widths, color=MUTED, alpha=0.45)
        _dress(upper, strip)
        upper.set_ylabel(f"error, {axis.unit}" if axis.unit else "error")
        strip.set_ylabel("rows")
        strip.set_xlabel(axis.title)
        return inline_svg(figure, title)


def _draw_method(axes: Axes, bins: Sequence[AxisBin], spread: Spread, place: int, shift: float) -> None:
    shown = [(one.middle + shift, *found) for one, found in zip(bins, spread, strict=False) if is_number(found[0])]
    colour = series_colour(place)
    for x, _, low, high in shown:
        axes.plot([x, x], [low, high], color=colour, linewidth=1.2, alpha=0.45)
    if shown:
        places, means, *_ = zip(*shown, strict=True)
        axes.plot(places, means, marker(place), color=colour, markersize=4, linestyle=dash(place), linewidth=1.2)


def _dress(upper: Axes, strip: Axes) -> None:
    for part in (upper, strip):
        part.patch.set_visible(False)
        part.spines["left"].set_visible(False)
        part.tick_params(axis="y", length=0)
    upper.grid(axis="y")
    upper.locator_params(axis="y", nbins=6)
    upper.tick_params(axis="x", length=0)
    strip.locator_params(axis="y", nbins=2, integer=True)
    strip.yaxis.set_major_formatter(lambda value, _: count(round(value)))
    strip.locator_params(axis="x", nbins=7)


def _gap(bins: Sequence[AxisBin]) -> float:
    return (bins[-1].middle - bins[0].middle) / max(len(bins) - 1, 1)
