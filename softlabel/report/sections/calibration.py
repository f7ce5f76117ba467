"""Calibration: reliability before and after temperature, with the rows of every bin, and what temperature changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from softlabel.report.comparison import Comparison, chosen, extent, heading, mean, unit_of_count
from softlabel.report.drawing.palette import MUTED, series_colour
from softlabel.report.drawing.svg import drawing, inline_svg
from softlabel.report.page import Cell, Panel, Section, Table
from softlabel.text.numbers import DASH, count, interval, is_number, number
from softlabel.wilson import wilson_interval


@dataclass(frozen=True)
class Bin:
    """A bin of confidence, pooled over seeds; the interval is that of one seed's rows, as all seeds share the rows."""

    low: float
    high: float
    count: float
    confidence: float
    accuracy: float
    interval: tuple[float, float]


def calibration_section(comparison: Comparison) -> Section | None:
    """Whether confidence can be believed; None where no bins were stored."""
    bins = {method: _both(comparison, method) for method in comparison.methods}
    panels = [_panel(comparison, method, *both) for method, both in bins.items() if both[0]]
    if not panels:
        return None
    return Section(
        "Calibration",
        [_how_to_read(comparison)],
        tables=[_temperatures(comparison)] if comparison.calibrated else [],
        panels=panels,
        folded=[_table(comparison, method, *both) for method, both in bins.items() if both[0]],
    )


def pooled(runs: Sequence[Sequence[dict[str, Any]]]) -> list[Bin]:
    """The bins of several seeds as one list; empty bins are left out."""
    by_place: dict[tuple[float, float], list[dict[str, Any]]] = {}
    for entry in (entry for run in runs for entry in run if entry["count"]):
        by_place.setdefault((entry["low"], entry["high"]), []).append(entry)
    return [_pooled_bin(low, high, entries, len(runs)) for (low, high), entries in sorted(by_place.items())]


def _pooled_bin(low: float, high: float, entries: list[dict[str, Any]], runs: int) -> Bin:
    total = sum(entry["count"] for entry in entries)
    confidence = sum(entry["count"] * entry["confidence"] for entry in entries) / total
    accuracy = sum(entry["count"] * entry["accuracy"] for entry in entries) / total
    return Bin(low, high, total / runs, confidence, accuracy, wilson_interval(accuracy, total / runs))


def _both(comparison: Comparison, method: str) -> tuple[list[Bin], list[Bin]]:
    stored = [cell["details"].get("reliability") or {} for cell in comparison.of(method)]
    before, after = ([runs[when] for runs in stored if runs.get(when)] for when in ("before", "after"))
    return pooled(before), pooled(after)


def _how_to_read(comparison: Comparison) -> str:
    unit = unit_of_count(comparison)
    narrow = " that take pixels as independent, which neighbours are not" if unit == "pixels" else ""
    after = "Hollow: before temperature. Filled: after. " if comparison.calibrated else "No temperature was fitted. "
    return (
        f"{after}On the diagonal, confidence is as high as accuracy; below it the model is over-confident. "
        f"Bars are 95 % intervals{narrow}; the strip below counts the test {unit} of each bin."
    )


def _temperatures(comparison: Comparison) -> Table:
    rows: list[list[Cell | str]] = [
        ["temperature", *(_temperature(comparison.of(method)) for method in comparison.methods)],
    ]
    for score in comparison.scores:
        if score.get("calibration"):
            rows.append(
                [heading(score), *(_change(comparison.of(method), score["name"]) for method in comparison.methods)]
            )
    return Table("Before → after temperature (means over seeds)", ["score", *comparison.methods], rows)


def _temperature(cells: list[dict[str, Any]]) -> Cell:
    values = [cell.get("temperature") for cell in cells]
    low, high = extent(values)
    several = is_number(low) and len(values) > 1
    between = [f"{number(low, 2)} to {number(high, 2)}"] if several else []
    flags = dict.fromkeys(cell["temperature_flag"] for cell in cells if cell.get("temperature_flag"))
    return Cell(number(mean(values), 2), "; ".join([*between, *flags]))


def _change(cells: list[dict[str, Any]], name: str) -> str:
    before = number(mean((chosen(cell).get("before") or {}).get(name) for cell in cells))
    after = number(mean((chosen(cell).get("after") or {}).get(name) for cell in cells))
    return DASH if before == after == DASH else f"{before} → {after}"


def _table(comparison: Comparison, method: str, before: list[Bin], after: list[Bin]) -> Table:
    unit = unit_of_count(comparison)
    columns = ["confidence", unit, "mean confidence", "accuracy"]
    if after:
        columns += [f"{unit} after", "mean confidence after", "accuracy after"]
    found = {when: {bin_.low: bin_ for bin_ in bins} for when, bins in (("before", before), ("after", after))}
    edges = {bin_.low: bin_.high for bin_ in [*before, *after]}
    rows = [
        [
            f"{number(low, 2)} to {number(edges[low], 2)}",
            *_bin_cells(found["before"].get(low)),
            *(_bin_cells(found["after"].get(low)) if after else []),
        ]
        for low in sorted(edges)
    ]
    return Table(f"Reliability of {method} ({unit} of one seed)", columns, rows)


def _bin_cells(found: Bin | None) -> list[Cell | str]:
    if found is None:
        return ["0", DASH, DASH]
    return [
        count(round(found.count, 1)),
        number(found.confidence),
        Cell(number(found.accuracy), interval(found.interval)),
    ]


def _panel(comparison: Comparison, method: str, before: list[Bin], after: list[Bin]) -> Panel:
    colour, unit = series_colour(comparison.series[method]), unit_of_count(comparison)
    return Panel(method, _draw(colour, before, after, f"Reliability of {method}", unit))


def _draw(colour: str, before: list[Bin], after: list[Bin], description: str, unit: str) -> Markup:
    with drawing(250, 290) as figure:
        axes, strip = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=(0, (3, 3)))
        main = after or before
        if after:
            axes.plot(
                [bin_.confidence for bin_ in before],
                [bin_.accuracy for bin_ in before],
                "o",
                color=MUTED,
                fillstyle="none",
            )
        for bin_ in main:
            axes.plot([bin_.confidence] * 2, bin_.interval, color=colour, linewidth=1.4, alpha=0.55)
        axes.plot([bin_.confidence for bin_ in main], [bin_.accuracy for bin_ in main], "o", color=colour)
        _draw_counts(strip, colour, before, after)
        for part in (axes, strip):
            part.patch.set_visible(False)
            part.spines["left"].set_visible(False)
            part.tick_params(axis="y", length=0)
        axes.set(xlim=(0, 1.02), ylim=(0, 1.02), ylabel="accuracy", xticks=[0, 0.25, 0.5, 0.75, 1])
        axes.grid(axis="y")
        axes.tick_params(axis="x", length=0)
        strip.set_xlabel("confidence")
        strip.set_ylabel(unit)
        return inline_svg(figure, description)


def _draw_counts(strip: Any, colour: str, before: list[Bin], after: list[Bin]) -> None:
    _draw_bars(strip, after or before, color=colour, alpha=0.35, linewidth=0)
    if after:
        _draw_bars(strip, before, color="none", edgecolor=MUTED, linewidth=0.8)
    strip.set_yticks([0, max(bin_.count for bin_ in [*before, *after])])
    strip.yaxis.set_major_formatter(lambda value, _: count(round(value)))


def _draw_bars(strip: Any, bins: list[Bin], **look: Any) -> None:
    widths = [bin_.high - bin_.low for bin_ in bins]
    strip.bar([bin_.low for bin_ in bins], [bin_.count for bin_ in bins], widths, align="edge", **look)
