"""A sweep: variants of one method that differ in one number, and the score that each value reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from softlabel.report.comparison import Comparison, Json, heading, mean_and_spread
from softlabel.report.drawing.palette import series_colour
from softlabel.report.drawing.svg import drawing, inline_svg, transparent_axes
from softlabel.report.page import Cell, Panel, Section, Table
from softlabel.text.numbers import interval, is_number
from softlabel.text.visible import shortened

POINTS_AT_LEAST = 3
LOGARITHMIC_FROM = 8


@dataclass(frozen=True)
class Sweep:
    """The option of the method that all of a comparison are variants of, and their summaries by its value."""

    method: str
    option: str
    entries: list[tuple[float, Json]]


def sweep_section(comparison: Comparison) -> Section | None:
    """The primary score against the option; None where more than one number tells the methods apart."""
    sweep = find_sweep(comparison)
    if sweep is None:
        return None
    option = shortened(sweep.option, 40)
    title = f"{comparison.primary['title']} against {option}"
    rows: list[list[Cell | str]] = [
        [f"{value:g}", entry["method"], Cell(mean_and_spread(stored), interval(stored.get("interval")))]
        for value, entry in sweep.entries
        for stored in [_score(comparison, entry)]
    ]
    return Section(
        f"Score against {option}",
        [
            f"All methods compared are {sweep.method} with another {option}. Bars are 95 % intervals of one mean; as "
            "all share the test rows, differences are surer than these, and stand in the ranking."
        ],
        panels=[Panel(title, _draw(comparison, sweep, option, title))],
        folded=[Table(title, [option, "method", heading(comparison.primary)], rows, frozenset({1}))],
    )


def find_sweep(comparison: Comparison) -> Sweep | None:
    """The one option that differs between the variants of one method, where it is a number in all of them."""
    stored = (comparison.results.get("settings") or {}).get("methods") or {}
    options: dict[str, Json] = {name: stored.get(name) or {} for name in comparison.methods}
    bases = {str(found.get("method", name)) for name, found in options.items()}
    if len(bases) != 1 or len(options) < POINTS_AT_LEAST:
        return None
    names = sorted({name for found in options.values() for name in found} - {"method"})
    differing = [name for name in names if len({repr(found.get(name)) for found in options.values()}) > 1]
    if len(differing) != 1 or not all(is_number(found.get(differing[0])) for found in options.values()):
        return None
    entries = [(float(options[entry["method"]][differing[0]]), entry) for entry in comparison.summary]
    known = [pair for pair in entries if is_number(_score(comparison, pair[1]).get("mean"))]
    known.sort(key=lambda pair: pair[0])
    return Sweep(bases.pop(), differing[0], known) if len(known) >= POINTS_AT_LEAST else None


def _score(comparison: Comparison, entry: Json) -> dict[str, Any]:
    return entry["scores"].get(comparison.primary["name"]) or {}


def _draw(comparison: Comparison, sweep: Sweep, option: str, title: str) -> Markup:
    values = [value for value, _ in sweep.entries]
    means = [_score(comparison, entry)["mean"] for _, entry in sweep.entries]
    with drawing(350, 240) as figure:
        axes = transparent_axes(figure)
        for value, entry in sweep.entries:
            bounds = _score(comparison, entry).get("interval") or []
            if bounds and all(map(is_number, bounds)):
                axes.plot([value, value], bounds, color=series_colour(1), linewidth=1.4, alpha=0.55)
        axes.plot(values, means, "s-", color=series_colour(1))
        if values[0] > 0 and values[-1] >= LOGARITHMIC_FROM * values[0]:
            axes.set_xscale("log")
            axes.minorticks_off()
        axes.set_xticks(values if len(values) <= 9 else values[:: -(-len(values) // 9)])
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.set(xlabel=option, ylabel=shortened(heading(comparison.primary), 40))
        axes.grid(axis="y")
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        return inline_svg(figure, title)
