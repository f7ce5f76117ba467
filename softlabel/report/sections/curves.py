"""Training curves: loss and validation score by epoch, mean over seeds with the band from the least to the greatest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator

from softlabel.report.comparison import Comparison, extent, heading, mean
from softlabel.report.drawing.palette import dash, series_colour
from softlabel.report.drawing.svg import drawing, inline_svg, transparent_axes
from softlabel.report.page import Panel, Section, Table
from softlabel.text.numbers import is_number, number

POINTS_AT_MOST = 150
LOGARITHMIC_FROM = 8

Pick = Callable[[dict[str, Any]], Any]
Point = tuple[int, float, float, float]
"""Epoch, mean, least and greatest over seeds."""


def curve_section(comparison: Comparison) -> Section | None:
    """How training went; None where no curve was stored."""
    name = comparison.primary["name"]
    drawn = [
        ("Training loss", _points(comparison, lambda entry: entry.get("loss"))),
        (f"Validation {heading(comparison.primary)}", _points(comparison, lambda entry: _validation(entry, name))),
    ]
    kept = [(title, lines) for title, lines in drawn if any(lines.values())]
    if not kept:
        return None
    return Section(
        "Training",
        [
            "Mean over seeds; the band reaches from the least to the greatest. Training losses of methods that train "
            "on different labels cannot be compared with each other, validation scores can. They are drawn before "
            "temperature; an epoch that a likelihood chooses is chosen after one of its own."
        ],
        legend=True,
        panels=[Panel(title, _draw(comparison, title, lines)) for title, lines in kept],
        folded=[_table(title, lines) for title, lines in kept],
    )


def _validation(entry: dict[str, Any], name: str) -> Any:
    return (entry.get("validation") or {}).get(name)


def _points(comparison: Comparison, pick: Pick) -> dict[str, list[Point]]:
    """Per method the points of its curve; epochs are counted through all stages."""
    return {method: _curve([cell["curves"] for cell in comparison.of(method)], pick) for method in comparison.methods}


def _curve(runs: list[list[dict[str, Any]]], pick: Pick) -> list[Point]:
    length = max(map(len, runs), default=0)
    step = -(-length // POINTS_AT_MOST) or 1
    places = sorted({*range(0, length, step), length - 1}) if length else []
    found = [(place, [pick(run[place]) for run in runs if place < len(run)]) for place in places]
    return [(place + 1, mean(values), *extent(values)) for place, values in found if any(map(is_number, values))]


def _table(title: str, lines: dict[str, list[Point]]) -> Table:
    epochs = sorted({point[0] for points in lines.values() for point in points})
    at = {method: {point[0]: point[1] for point in points} for method, points in lines.items()}
    rows = [[str(epoch), *(number(at[method].get(epoch)) for method in lines)] for epoch in epochs]
    return Table(f"{title} by epoch (means over seeds)", ["epoch", *lines], rows)


def _draw(comparison: Comparison, title: str, lines: dict[str, list[Point]]) -> Markup:
    with drawing(330, 220) as figure:
        axes = transparent_axes(figure)
        for method, points in lines.items():
            if not points:
                continue
            place = comparison.series[method]
            epochs, middle, low, high = zip(*points, strict=True)
            axes.fill_between(epochs, low, high, color=series_colour(place), alpha=0.16, linewidth=0)
            shape = "o" if len(points) == 1 else None
            axes.plot(epochs, middle, color=series_colour(place), linestyle=dash(place), marker=shape)
        axes.set_xlabel("epoch")
        axes.grid(axis="y")
        _scale(axes, lines)
        axes.locator_params(axis="x", nbins=6, integer=True)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        return inline_svg(figure, f"{title} by epoch")


def _scale(axes: Axes, lines: dict[str, list[Point]]) -> None:
    """A logarithmic axis where the first epochs would otherwise hide the last ones."""
    values = [value for points in lines.values() for _, _, low, high in points for value in (low, high)]
    if min(values) <= 0 or max(values) < LOGARITHMIC_FROM * min(values):
        axes.locator_params(axis="y", nbins=6)
        return
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
