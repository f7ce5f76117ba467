"""The page of a label review: one HTML file without addresses, whose size no number of rows moves; one script of ours
lets a person decide about rows.

Pictures lie inside the file, and are made smaller until all of them fit a budget.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from softlabel.analysis.cross_fitting import rows_hash
from softlabel.analysis.review import KINDS, Filters, Kind, Review
from softlabel.analysis.strength import SUSPECTED
from softlabel.evaluation.extreme_rows import data_uri
from softlabel.report.drawing.palette import css_variables
from softlabel.report.drawing.png import TINY_SIDE
from softlabel.report.html import page_template
from softlabel.report.page import Table
from softlabel.report.sections.samples import Bar
from softlabel.runs.atomic import write_bytes
from softlabel.text.numbers import DASH, count, number, share
from softlabel.text.visible import shortened, visible, visible_tree
from softlabel.version import __version__

ROWS_SHOWN = 48
ROWS_AT_MOST = 200
"""Of each kind."""
PICTURES_AT_MOST = 1_000_000
"""Bytes of all pictures together, as they stand in the page."""
SIDES = (96, 64, 48, 32, 20)
CLASSES_NAMED = 4
FEATURES_NAMED = 6
NAME_LENGTH = 60
SHORT_NAME = 24
PAIRS_SHOWN = 12
FILE = "reviewed.csv"
"""The name under which the page saves its decisions."""

NOT_COUNTED = "Labels are ranked, but none is counted as wrong: {why}."
_RANKED = "Rows whose labels the models find least probable"
_TITLES: Mapping[Kind, str] = {"mislabelled": "Suspected rows", "ambiguous": "Most ambiguous rows"}
_LEADS: Mapping[Kind, str] = {
    "mislabelled": "Another label has the largest probability, and as much as rows of that label have on average. "
    "The least probability of the given label stands first. The given label is set in bold.",
    "ambiguous": "Rows whose labels are not suspected, the highest entropy first: several labels may be true. "
    "Ambiguous is not wrong. The given label is set in bold.",
}


@dataclass(frozen=True)
class Sample:
    """A row as it is drawn: its picture, or its most unusual features, and what is said of its label."""

    row: str
    number: int
    place: str
    given: str
    suggested: str
    measured: str
    extra: str
    image: str | None
    tiny: bool
    features: list[tuple[str, str]]
    bars: list[Bar]


@dataclass(frozen=True)
class Gallery:
    """Rows of one kind under a heading; `found` is how many there are, and `counted` whether that means something."""

    title: str
    lead: str
    samples: list[Sample]
    found: int
    counted: bool


def write_review_page(review: Review, filters: Filters, rows: int | None, path: Path) -> Path:
    """Write the page, whole or not at all; at most `rows` of each kind, and never more than 200."""
    write_bytes(path, render_review_page(review, filters, rows).encode())
    return path


def render_review_page(review: Review, filters: Filters, rows: int | None = None) -> str:
    """The page as text."""
    shown = min(ROWS_SHOWN if rows is None else rows, ROWS_AT_MOST)
    summary = visible_tree(review.summary())
    chosen = {kind: review.select(filters, kind) for kind in KINDS if filters.kind in (None, kind)}
    pictures = _pictures(review, np.concatenate([positions[:shown] for positions in chosen.values()]))
    galleries = [
        _gallery(review, kind, _samples(review, positions[:shown], pictures), len(positions))
        for kind, positions in chosen.items()
    ]
    return page_template("review.html").render(
        summary=summary,
        verdict=_verdict(summary),
        how=_how(summary),
        notes=visible_tree(review.notes),
        filters=_told(filters),
        galleries=galleries,
        pairs=_pair_table(summary),
        classes=_class_table(summary),
        correctable=review.correctable,
        decisions=Markup(json_in_page(_decisions(review, chosen, shown))),
        script=Markup(review_script()),
        script_hash=Markup(script_hash(review_script())),
        temperature=number(summary["temperature"], 2),
        version=__version__,
        light=Markup(css_variables(dark=False)),
        dark=Markup(css_variables(dark=True)),
    )


def _decisions(review: Review, chosen: Mapping[Kind, NDArray[np.int64]], shown: int) -> dict[str, Any]:
    """What the page's script has to know: the classes, and of each row what it is called in a table of corrections."""
    names, quality = review.class_names, review.quality
    listed = np.concatenate([positions[:shown] for positions in chosen.values()])
    rows = [
        {
            "row": str(int(review.sample_id[position]) + 1),
            "listed": place,
            "place": review.place(position),
            "given": names[review.given[position]],
            "suggested": _suggested(review, position),
            "suggestedShown": visible(shortened(_suggested(review, position) or "", SHORT_NAME)),
            "confidence": round(float(quality.confidence[position]), 6),
            "ambiguity": round(float(quality.ambiguity[position]), 6),
        }
        for place, position in enumerate(listed.tolist())
    ]
    shown_names = [visible(shortened(name, NAME_LENGTH)) for name in names]
    return {
        "review": rows_hash(review.fitted.folds),
        "file": FILE,
        "classes": names,
        "shown": shown_names,
        "rows": rows,
    }


def _suggested(review: Review, position: int) -> str | None:
    suggested = int(review.quality.suggested[position])
    return None if suggested == int(review.given[position]) else review.class_names[suggested]


def json_in_page(value: Any) -> str:
    """JSON that can stand in a page's script element: nothing in it ends that element, or begins a comment."""
    text = json.dumps(value, ensure_ascii=True)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


@cache
def review_script() -> str:
    """The script of the page."""
    return resources.files("softlabel.report").joinpath("review.js").read_text(encoding="utf-8")


def script_hash(script: str) -> str:
    """By which the page's policy allows this script, and no other."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _gallery(review: Review, kind: Kind, samples: list[Sample], found: int) -> Gallery:
    counted = kind != "mislabelled" or review.too_weak is None
    return Gallery(_TITLES[kind] if counted else _RANKED, _LEADS[kind], samples, found, counted)


def _verdict(summary: Mapping[str, Any]) -> str:
    if summary["too_weak"] is not None:
        return NOT_COUNTED.format(why=summary["too_weak"])
    share = number(100 * summary["suspected"] / max(1, summary["rows"]), 1)
    found = f"{count(summary['suspected'])} of {count(summary['rows'])} labels are suspected ({share} %)"
    return f"{found}: {SUSPECTED}."


def _how(summary: Mapping[str, Any]) -> str:
    return (
        f"Each row was judged by a model that had not seen it: {summary['method']}, seed {summary['seed']}, trained "
        f"{summary['folds']} times, each time without a part of the rows. They find {agreed(summary)} of the given "
        "labels most probable. Test rows are not reviewed."
    )


def agreed(summary: Mapping[str, Any]) -> str:
    """How many of the labels are the most probable ones, in percent: what the judgement is worth at most."""
    return f"{number(100 * summary['agree'] / max(1, summary['rows']), 1)} %"


def _told(filters: Filters) -> str:
    """The filters in words; nothing where there is none."""
    parts = [
        f"labels {', '.join(shortened(name, NAME_LENGTH) for name in filters.classes)}" if filters.classes else "",
        f"ambiguity from {number(filters.min_ambiguity, 2)}" if filters.min_ambiguity else "",
        f"only {filters.kind} rows" if filters.kind else "",
    ]
    return "; ".join(filter(None, parts))


def _pair_table(summary: Mapping[str, Any]) -> Table | None:
    pairs = summary["pairs"][:PAIRS_SHOWN]
    rows = [
        [shortened(p["given"], NAME_LENGTH), shortened(p["suggested"], NAME_LENGTH), count(p["rows"])] for p in pairs
    ]
    title = "Which labels stand for which"
    return Table(title, ["given label", "suggested label", "rows"], rows, frozenset({1})) if rows else None


def _class_table(summary: Mapping[str, Any]) -> Table:
    rows = [
        [
            shortened(entry["class"], NAME_LENGTH),
            count(entry["rows"]),
            count(entry["suspected"]),
            DASH if entry["suspected"] is None else number(100 * entry["suspected"] / max(1, entry["rows"]), 1),
            number(entry["threshold"], 2),
        ]
        for entry in summary["classes"]
    ]
    return Table("Labels by class", ["given label", "rows", "suspected", "in %", "threshold"], rows)


def _pictures(review: Review, positions: NDArray[np.int64]) -> dict[int, str]:
    """Pictures by position, all of one size: the largest at which they fit the budget."""
    samples = review.fitted.folds.samples
    if samples.input_kind != "image" or not len(positions):
        return {}
    images = review.inputs(positions)
    for side in SIDES:
        found = [data_uri(image, side) for image in images]
        if sum(map(len, found)) <= PICTURES_AT_MOST:
            break
    return dict(zip(positions.tolist(), found, strict=True))


def _samples(review: Review, positions: NDArray[np.int64], pictures: Mapping[int, str]) -> list[Sample]:
    tiny = max(review.fitted.folds.samples.input_shape[1:], default=0) <= TINY_SIDE
    return [_sample(review, position, pictures.get(position), tiny) for position in positions.tolist()]


def _sample(review: Review, position: int, image: str | None, tiny: bool) -> Sample:
    quality, names = review.quality, review.class_names
    given, suggested = (names[places[position]] for places in (review.given, quality.suggested))
    return Sample(
        row=count(int(review.sample_id[position]) + 1),
        number=int(review.sample_id[position]) + 1,
        place=place_told(review, position, NAME_LENGTH),
        given=shortened(given, NAME_LENGTH),
        suggested=shortened(suggested, NAME_LENGTH) if suggested != given else "",
        measured=f"confidence\u00a0{share(float(quality.confidence[position]))}"
        f" · ambiguity\u00a0{share(float(quality.ambiguity[position]))}",
        extra=_extra(review, position),
        image=image,
        tiny=tiny,
        features=[] if image else _features(review, position),
        bars=_bars(review, position),
    )


def _extra(review: Review, position: int) -> str:
    """What the method says of the row: its numbers, then the largest of those that it has for every class."""
    known = {name: float(values[position]) for name, values in review.extra.items() if np.isfinite(values[position])}
    endings = tuple(f"_{name}" for name in review.class_names)
    classes = sorted((name for name in known if name.endswith(endings)), key=lambda name: -known[name])
    numbers = [name for name in known if name not in classes]
    shown = [*numbers, *classes][:CLASSES_NAMED]
    return " · ".join(f"{shortened(name, NAME_LENGTH)} {number(known[name], 2)}" for name in shown)


def place_told(review: Review, position: int, length: int) -> str:
    """Where a row comes from with its number, which a table's place says already."""
    row, place = f"row {int(review.sample_id[position]) + 1}", review.place(position)
    return shortened(place if place.endswith(f", {row}") else f"{row} · {place}", length)


def _bars(review: Review, position: int) -> list[Bar]:
    """The largest shares of the estimated distribution, and always the given label's."""
    shares = review.fitted.probabilities[position]
    given = int(review.given[position])
    largest = np.argsort(-shares, kind="stable")[:CLASSES_NAMED].tolist()
    if given not in largest:
        largest[-1] = given
    return [
        Bar(
            shortened(review.class_names[k], NAME_LENGTH),
            share(float(shares[k])),
            f"{100 * min(max(float(shares[k]), 0.0), 1.0):.1f}",
            k == given,
        )
        for k in largest
    ]


def _features(review: Review, position: int) -> list[tuple[str, str]]:
    """The features that are farthest from their mean, in standard deviations."""
    prepared = review.fitted.folds.prepared
    values = review.inputs(np.array([position]))[0].double().numpy().ravel()
    mean, spread = np.asarray(prepared.inputs.mean), np.asarray(prepared.inputs.std)
    if len(values) != len(mean):
        return []
    away = np.where(spread > 0, (values - mean) / np.where(spread > 0, spread, 1.0), 0.0)
    names = prepared.source.feature_names or [f"feature {d + 1}" for d in range(len(values))]
    farthest = sorted(np.argsort(-np.abs(away), kind="stable")[:FEATURES_NAMED].tolist())
    return [(shortened(names[d], NAME_LENGTH), f"{float(values[d]):.4g} ({float(away[d]):+.1f} sd)") for d in farthest]
