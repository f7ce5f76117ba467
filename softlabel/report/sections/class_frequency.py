"""Accuracy by class frequency, most training rows first, and of many, medium and few; or what other tasks have of it.

With several labels a row this is average precision, with masks the intersection over union of the classes' pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from softlabel.report.comparison import Comparison, extent, has_several_labels, mean, unit_of_count
from softlabel.report.drawing.palette import INK, marker, series_colour
from softlabel.report.drawing.svg import drawing, inline_svg, transparent_axes
from softlabel.report.page import Cell, Panel, Section, Table
from softlabel.text.numbers import DASH, count, is_number, number
from softlabel.text.visible import shortened

NAMED_CLASSES = 30
"""With more classes than this, each is a point without a name."""

Values = dict[str, list[float]]
"""Per method, the accuracies of its seeds."""


def frequency_section(comparison: Comparison) -> Section | None:
    """Who wins where the rows are, and where they are not; None where no class was evaluated."""
    classes = _classes(comparison)
    if not classes:
        return None
    score, unit = _score(comparison), unit_of_count(comparison)
    draw = _draw_named if len(classes) <= NAMED_CLASSES else _draw_many
    panel = Panel(
        f"{_capital(score)} by class, most training {unit} first",
        draw(comparison, classes, score),
        f"Mean over seeds; the bar reaches from the least to the greatest. Beside each class: its training {unit}."
        if len(classes) <= NAMED_CLASSES
        else "A point is the mean over seeds of one class.",
    )
    groups = _groups(comparison)
    return Section(
        f"{_capital(score)} by class frequency",
        legend=True,
        beside=bool(groups.rows),
        tables=[groups] if groups.rows else [],
        panels=[panel],
        folded=[_table(comparison, classes, score)],
    )


def _score(comparison: Comparison) -> str:
    """What there is of every class: with several labels a row, a class has an average precision."""
    if unit_of_count(comparison) == "pixels":
        return "IoU"
    return "average precision" if has_several_labels(comparison) else "accuracy"


def pixel_classes(details: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What was stored of the pixels of every class, in the words that are used of rows."""
    return [
        {
            "class": entry["class"],
            "training_count": entry["training_pixels"],
            "test_count": entry["test_pixels"],
            "accuracy": entry["iou"],
        }
        for entry in details.get("by_pixel_class") or []
    ]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _classes(comparison: Comparison) -> list[tuple[dict[str, Any], Values]]:
    """Classes from the most to the fewest training rows, with the accuracies of every method."""
    found: dict[str, tuple[dict[str, Any], Values]] = {}
    for cell in comparison.cells:
        details = cell["details"]
        for entry in details.get("per_class") or details.get("by_label") or pixel_classes(details):
            _, values = found.setdefault(str(entry["class"]), (entry, {method: [] for method in comparison.methods}))
            values[cell["method"]].append(entry["average_precision" if "average_precision" in entry else "accuracy"])
    return sorted(found.values(), key=lambda pair: -pair[0]["training_count"])


def _groups(comparison: Comparison) -> Table:
    names: list[str] = []
    sizes: dict[str, str] = {}
    accuracies: dict[tuple[str, str], list[Any]] = {}
    for cell in comparison.cells:
        for group in cell["details"].get("groups") or []:
            name = str(group["name"])
            if name not in sizes:
                names.append(name)
                sizes[name] = _size(_how_many(group["classes"]), group["rows"])
            accuracies.setdefault((cell["method"], name), []).append(group["accuracy"])
    rows = [
        [Cell(method, tone="strong"), *(_group_cell(accuracies.get((method, name), [])) for name in names)]
        for method in comparison.methods
        if names
    ]
    return Table("Accuracy by group", ["method", *(Cell(name, sizes[name]) for name in names)], rows)


def _how_many(classes: Any) -> int:
    return len(classes) if isinstance(classes, list) else int(classes)


def _size(classes: int, rows: Any) -> str:
    return f"{classes} class{'' if classes == 1 else 'es'}, {count(rows)} rows"


def _group_cell(values: list[Any]) -> Cell:
    low, high = extent(values)
    several = is_number(low) and len(values) > 1
    return Cell(number(mean(values)), f"{number(low)} to {number(high)}" if several else "")


def _table(comparison: Comparison, classes: list[tuple[dict[str, Any], Values]], score: str) -> Table:
    rows = [
        [
            str(entry["class"]),
            count(entry["training_count"]),
            count(entry["test_count"]),
            *(number(mean(values[method])) for method in comparison.methods),
        ]
        for entry, values in classes
    ]
    title = f"{_capital(score)} of every class (means over seeds)"
    return Table(title, ["class", "training", "test", *comparison.methods], rows)


def _draw_named(comparison: Comparison, classes: list[tuple[dict[str, Any], Values]], score: str) -> Markup:
    step = 0.72 / max(len(comparison.methods), 1)
    with drawing(330, 40 + len(classes) * (8 + 6 * len(comparison.methods))) as figure:
        axes = transparent_axes(figure)
        for row, (_, values) in enumerate(classes):
            for place, method in enumerate(comparison.methods):
                height = row + (place - (len(comparison.methods) - 1) / 2) * step
                _draw_values(axes, values[method], height, comparison.series[method])
        axes.set_yticks(
            range(len(classes)),
            [f"{shortened(str(entry['class']), 18)}  ·  {count(entry['training_count'])}" for entry, _ in classes],
        )
        axes.set_ylim(len(classes) - 0.5, -0.5)
        axes.set_xlim(right=1.02)
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.grid(axis="x")
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(score)
        unit = unit_of_count(comparison)
        return inline_svg(figure, f"{_capital(score)} by class, most training {unit} first")


def _draw_values(axes: Any, values: list[float], height: float, place: int) -> None:
    low, high = extent(values)
    if is_number(low):
        axes.plot([low, high], [height, height], color=series_colour(place), linewidth=1.4, alpha=0.55)
        axes.plot([mean(values)], [height], marker(place), color=series_colour(place), markersize=4.5)


def _draw_many(comparison: Comparison, classes: list[tuple[dict[str, Any], Values]], score: str) -> Markup:
    with drawing(330, 260) as figure:
        axes = transparent_axes(figure)
        for method in comparison.methods:
            place = comparison.series[method]
            points = [(max(entry["training_count"], 0.5), mean(values[method])) for entry, values in classes]
            shown = [point for point in points if is_number(point[1])]
            if shown:
                axes.plot(
                    *zip(*shown, strict=True), marker(place), color=series_colour(place), markersize=3.5, alpha=0.6
                )
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: count(value) if value >= 1 else DASH)
        axes.xaxis.set_minor_formatter(lambda value, _: "")
        axes.invert_xaxis()
        unit = unit_of_count(comparison)
        axes.set_xlabel(f"training {unit} of the class")
        axes.set_ylabel(score)
        axes.grid(axis="y")
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        return inline_svg(figure, f"{_capital(score)} of every class by its training {unit}")
