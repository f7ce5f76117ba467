"""How far features of one class lie apart, by method."""

from __future__ import annotations

from markupsafe import Markup

from softlabel.report.comparison import Comparison, extent, mean
from softlabel.report.drawing.cell_grid import cell_grid
from softlabel.report.drawing.label_axis import label_axis
from softlabel.report.drawing.palette import INK, marker, series_colour
from softlabel.report.drawing.svg import drawing, inline_svg, transparent_axes
from softlabel.report.page import Cell, Panel, Section, Table
from softlabel.text.numbers import is_number, number
from softlabel.text.visible import shortened

_CAPTION = "Test rows. The mean over seeds; the bar reaches from the least to the greatest."
_MEANING = (
    "The mean squared distance of features of length 1 from the mean of their class: 0 where all rows of a class look"
    " alike to the head, towards 1 where they have nothing in common."
)


def representation_section(comparison: Comparison) -> Section | None:
    """Intra-class variance; None where no run has one, and on label axes, where a class is a value or two."""
    if label_axis(comparison) is not None or cell_grid(comparison) is not None:
        return None
    values = {method: _values(comparison, method) for method in comparison.methods}
    if not any(values.values()):
        return None
    rows: list[list[Cell | str]] = [
        [Cell(method, tone="strong"), number(mean(own)), number(extent(own)[0]), number(extent(own)[1])]
        for method, own in values.items()
    ]
    return Section(
        "Features of one class",
        [_MEANING],
        beside=True,
        panels=[Panel("Intra-class variance", _draw(comparison, values), _CAPTION)],
        folded=[Table("Intra-class variance", ["method", "mean", "least", "greatest"], rows)],
    )


def _values(comparison: Comparison, method: str) -> list[float]:
    found = (cell.get("intra_class_variance") for cell in comparison.of(method))
    return [value for value in found if value is not None and is_number(value)]


def _draw(comparison: Comparison, values: dict[str, list[float]]) -> Markup:
    with drawing(330, 60 + 22 * len(values)) as figure:
        axes = transparent_axes(figure)
        for row, (method, own) in enumerate(values.items()):
            place = comparison.series[method]
            low, high = extent(own)
            if is_number(low):
                axes.plot([low, high], [row, row], color=series_colour(place), linewidth=1.4, alpha=0.55)
                axes.plot([mean(own)], [row], marker(place), color=series_colour(place), markersize=5)
        axes.set_yticks(range(len(values)), [shortened(method, 22) for method in values])
        axes.set_ylim(len(values) - 0.5, -0.5)
        axes.set_xlim(left=0)
        axes.locator_params(axis="x", nbins=5)
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.grid(axis="x")
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("intra-class variance")
        return inline_svg(figure, "Intra-class variance by method")
