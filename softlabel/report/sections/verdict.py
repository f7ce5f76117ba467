"""The verdict: what is kept, what differs from the baseline by more than noise, and what could not have been seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from softlabel.report.comparison import Comparison, difference, temperature_told, why_kept
from softlabel.report.drawing.palette import INK, MUTED, PAPER, marker, series_colour
from softlabel.report.drawing.svg import drawing, inline_svg, transparent_axes
from softlabel.report.page import Panel
from softlabel.text.numbers import DASH, is_number, number
from softlabel.text.visible import shortened

APART = ("better", "worse")
VERDICTS = (*APART, "no more than noise")


@dataclass(frozen=True)
class Fact:
    """One part of the verdict: a heading, its answers, and a remark."""

    heading: str
    answers: list[str]
    remark: str = ""


def facts(comparison: Comparison) -> list[Fact]:
    """The verdict in two to four short answers."""
    return [_kept(comparison), *_differences(comparison), _smallest(comparison)]


def headline(comparison: Comparison) -> tuple[str, str]:
    """The first sentence of the verdict, and the others."""
    first, stop, others = str(comparison.results["verdict"]["text"]).partition(". ")
    return (first + "." if stop else first), others


def by_verdict(comparison: Comparison) -> dict[str, list[str]]:
    """The methods of each verdict about the primary score."""
    found: dict[str, list[str]] = {verdict: [] for verdict in VERDICTS}
    for entry in comparison.summary:
        if stored := difference(comparison, entry):
            found.setdefault(stored["verdict"], []).append(entry["method"])
    return found


def forest(comparison: Comparison) -> Panel | None:
    """Paired differences to the baseline with their intervals, a line a method."""
    entries = [entry for entry in comparison.summary if _drawable(difference(comparison, entry))]
    if not entries:
        return None
    score = comparison.primary
    title = f"Difference in {score['title']} to {comparison.baseline}"
    return Panel(title, _draw_forest(comparison, entries, title), _how_to_read(score["better"]))


def _kept(comparison: Comparison) -> Fact:
    kept = comparison.kept
    if kept is None:
        return Fact("Kept model", ["none"], "this protocol selects no model")
    return Fact("Kept model", [kept["method"]], f"seed {kept['seed']}{temperature_told(kept)}{why_kept(comparison)}")


def _differences(comparison: Comparison) -> list[Fact]:
    found = by_verdict(comparison)
    if not any(found.values()):
        return []
    remark = f"in {comparison.primary['title']}, against {comparison.baseline}"
    apart = [f"{method}: {verdict}" for verdict in APART for method in found[verdict]]
    return [
        Fact("More than noise", apart or ["none"], remark),
        Fact("No more than noise", found["no more than noise"] or ["none"], remark),
    ]


def _smallest(comparison: Comparison) -> Fact:
    verdict = comparison.results["verdict"]
    smallest, more = verdict.get("smallest_visible_difference"), verdict.get("more_seeds")
    if not is_number(smallest):
        return Fact("Smallest visible difference", [DASH], "needs two methods and two seeds that finished")
    further = f"; {more['seeds']} seeds would see {number(more['smallest_visible_difference'])}" if more else ""
    return Fact("Smallest visible difference", [number(smallest)], f"in {comparison.primary['title']}{further}")


def _drawable(stored: dict[str, Any] | None) -> bool:
    return stored is not None and all(map(is_number, [stored["estimate"], *(stored.get("interval") or [None])]))


def _how_to_read(better: str) -> str:
    side = "left" if better == "lower" else "right"
    return (
        f"Points to the {side} of the line are better; hollow ones are no more than noise. Bars are 95 % intervals of "
        "single differences, the verdict also allows for how many there are."
    )


def _draw_forest(comparison: Comparison, entries: list[dict[str, Any]], title: str) -> Markup:
    with drawing(330, 46 + 24 * len(entries)) as figure:
        axes = transparent_axes(figure)
        axes.axvline(0, color=MUTED, linewidth=1)
        for row, entry in enumerate(entries):
            stored = difference(comparison, entry)
            assert stored is not None
            place = comparison.series[entry["method"]]
            low, high = stored["interval"]
            axes.plot([low, high], [row, row], color=series_colour(place), linewidth=2.2, solid_capstyle="round")
            face = PAPER if stored["verdict"] not in APART else series_colour(place)
            axes.plot([stored["estimate"]], [row], marker(place), color=series_colour(place), mfc=face, markersize=7)
        axes.set_yticks(range(len(entries)), [shortened(entry["method"], 24) for entry in entries])
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.set_ylim(len(entries) - 0.4, -0.6)
        axes.spines["left"].set_visible(False)
        axes.margins(x=0.08)
        axes.locator_params(axis="x", nbins=6)
        return inline_svg(figure, title)
