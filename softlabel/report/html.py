"""The report: one HTML file from results.json, without scripts and without addresses, that opens from any disk."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from softlabel.report.comparison import Comparison
from softlabel.report.drawing.palette import css_variables, dash, marker, series_colour
from softlabel.report.drawing.svg import drawing, inline_svg
from softlabel.report.page import Cell, Section
from softlabel.report.sections.abstention import abstention_section
from softlabel.report.sections.achieved import achieved
from softlabel.report.sections.calibration import calibration_section
from softlabel.report.sections.class_frequency import frequency_section
from softlabel.report.sections.class_table import class_section
from softlabel.report.sections.confusion import confusion_section
from softlabel.report.sections.cost import cost_section
from softlabel.report.sections.curves import curve_section
from softlabel.report.sections.data import understood
from softlabel.report.sections.error_by_cell import cell_section
from softlabel.report.sections.error_by_value import error_section
from softlabel.report.sections.feature_map import feature_section
from softlabel.report.sections.learned_table import learned_section
from softlabel.report.sections.masks import mask_section
from softlabel.report.sections.option_sweep import sweep_section
from softlabel.report.sections.representation import representation_section
from softlabel.report.sections.samples import galleries
from softlabel.report.sections.scores import score_section
from softlabel.report.sections.verdict import facts, forest, headline
from softlabel.runs.atomic import write_bytes
from softlabel.text.numbers import duration
from softlabel.text.visible import visible_tree


def write_report(results: Mapping[str, Any], path: Path) -> Path:
    """Write the report of a comparison, whole or not at all; every number is one of `results`, or a mean over seeds.

    Raises RunError for results of another format.
    """
    write_bytes(path, render_report(results).encode())
    return path


def render_report(results: Mapping[str, Any]) -> str:
    """The report as text."""
    comparison = Comparison(visible_tree(dict(results)))
    shown_rows, masks = galleries(comparison), mask_section(comparison)
    sections, cost = list(_sections(comparison)), cost_section(comparison)
    return page_template().render(
        comparison=comparison,
        results=comparison.results,
        achieved=achieved(comparison),
        headline=headline(comparison),
        facts=facts(comparison),
        forest=forest(comparison),
        understood=understood(comparison),
        contents=[*(part.title for part in shown_rows), *(part.title for part in sections), cost.title],
        sections=sections,
        masks=masks,
        galleries=shown_rows,
        cost=cost,
        settings=list(flattened(comparison.results.get("settings") or {})),
        swatches={method: _swatch(place) for method, place in comparison.series.items()},
        total=duration(comparison.results.get("seconds")),
        light=css_variables(dark=False),
        dark=css_variables(dark=True),
    )


@cache
def page_template(name: str = "template.html") -> Template:
    """A page, in which every text is escaped and a missing value is an error."""
    environment = Environment(
        loader=PackageLoader("softlabel.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["cell"] = lambda value: isinstance(value, Cell)
    environment.filters["typeset"] = typeset
    environment.filters["anchor"] = anchor
    environment.filters["breakable"] = breakable
    return environment.get_template(name)


def typeset(text: str) -> str:
    """A number with a minus sign in place of a hyphen."""
    return text.replace("-", "−")


def breakable(text: str) -> Markup:
    """A name that may be broken after its underscores, but not before its arrow."""
    return Markup("_<wbr>").join(text.replace(" ↓", "\u00a0↓").replace(" ↑", "\u00a0↑").split("_"))


def anchor(title: str) -> str:
    """The name by which a link on the page finds the part of this title."""
    return "-".join(re.findall(r"[a-z0-9]+", title.lower()))


def flattened(settings: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested settings as dotted names and their values."""
    for name, value in settings.items():
        if isinstance(value, dict) and value:
            yield from flattened(value, f"{prefix}{name}.")
        else:
            yield prefix + name, _setting(value)


def _setting(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_setting, value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return "none" if value is None else "" if value == {} else str(value)


def _sections(comparison: Comparison) -> Iterator[Section]:
    parts = (
        score_section,
        sweep_section,
        curve_section,
        frequency_section,
        class_section,
        error_section,
        cell_section,
        representation_section,
        feature_section,
        calibration_section,
        abstention_section,
        confusion_section,
        learned_section,
    )
    for part in parts:
        section = part(comparison)
        if section is not None:
            yield section


def _swatch(place: int) -> Markup:
    """A method's line and marker, for legends."""
    with drawing(34, 12) as figure:
        figure.set_layout_engine("none")
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.set_axis_off()
        axes.set(xlim=(0, 1), ylim=(0, 1))
        axes.plot([0, 1], [0.5, 0.5], color=series_colour(place), linestyle=dash(place), linewidth=2)
        axes.plot([0.5], [0.5], marker(place), color=series_colour(place), markersize=7)
        return inline_svg(figure, "")
