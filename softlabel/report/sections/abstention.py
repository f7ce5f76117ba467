"""Answering only when sure: how many rows are answered at each confidence, and how many of those rightly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from softlabel.report.comparison import Comparison, Json
from softlabel.report.drawing.palette import series_colour
from softlabel.report.drawing.svg import drawing, inline_svg, transparent_axes
from softlabel.report.page import Cell, Panel, Section, Table
from softlabel.text.numbers import count, interval, number
from softlabel.wilson import wilson_interval

WORTH_NAMING = 0.95
"""The accuracy for which the card names a limit."""


@dataclass(frozen=True)
class Limit:
    """What happens when answers under this confidence are left out.

    answered   rows that keep their label, and their share of all rows
    accuracy   of those, with its 95 % interval
    """

    confidence: float
    answered: float
    share: float
    accuracy: float
    interval: tuple[float, float]


def abstention_section(comparison: Comparison) -> Section | None:
    """The limits of the model that is looked at closely; None where no bins were stored."""
    cell = comparison.shown_cell
    found = list(limits(cell)) if cell else []
    if cell is None or len(found) < 2:
        return None
    who = f"{cell['method']}, seed {cell['seed']}"
    rows: list[list[Cell | str]] = [
        [
            number(limit.confidence, 2) if place else "answer all",
            Cell(f"{100 * limit.share:.1f} %", f"{count(round(limit.answered))} rows"),
            Cell(number(limit.accuracy), interval(limit.interval)),
        ]
        for place, limit in enumerate(found)
    ]
    lead = (
        f"What softlabel predict --abstain-below would do to the test rows ({who}): answers of lower confidence get "
        "no label. Intervals are those of one limit; choosing one on these rows makes it look better than it is."
    )
    columns = ["abstain below", "answered", "accuracy of the answers"]
    return Section(
        "Answering only when sure",
        [lead],
        panels=[Panel("Accuracy of the answers", _draw(series_colour(comparison.series[cell["method"]]), found))],
        beside=True,
        tables=[Table("Limits of confidence", columns, rows)],
    )


def _draw(colour: str, found: list[Limit]) -> Markup:
    with drawing(330, 240) as figure:
        axes = transparent_axes(figure)
        shares = [100 * limit.share for limit in found]
        lows, highs = zip(*(limit.interval for limit in found), strict=True)
        axes.fill_between(shares, lows, highs, color=colour, alpha=0.15, linewidth=0)
        axes.plot(shares, [limit.accuracy for limit in found], "o-", color=colour)
        axes.set(xlim=(0, 103), xlabel="answered, % of the test rows", ylabel="accuracy")
        axes.grid(axis="y")
        return inline_svg(figure, "Accuracy of the answers by the share that is answered")


def limits(cell: Json) -> Iterator[Limit]:
    """One limit at the lower edge of every bin of confidence that has rows, the lowest first."""
    if cell["details"].get("by_pixel_class"):  # an image has no one confidence, and predict refuses the option
        return
    stored = cell["details"].get("reliability") or {}
    bins = sorted(
        (entry for entry in stored.get("after") or stored.get("before") or [] if entry["count"]),
        key=lambda entry: entry["low"],
    )
    total = sum(entry["count"] for entry in bins)
    for place, entry in enumerate(bins):
        above = bins[place:]
        rows = sum(entry["count"] for entry in above)
        right = sum(entry["count"] * entry["accuracy"] for entry in above) / rows
        yield Limit(entry["low"], rows, rows / total, right, wilson_interval(right, rows))


def worth_naming(cell: Json) -> Limit | None:
    """The lowest limit that makes answers right in WORTH_NAMING of the test rows, where they are not so already."""
    found = list(limits(cell))
    if not found or found[0].accuracy >= WORTH_NAMING:
        return None
    return next((limit for limit in found if limit.accuracy >= WORTH_NAMING), None)
