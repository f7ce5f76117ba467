"""Masks of a few test images: what is true, what each method answers, and where it is unsure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from PIL import Image

from softlabel.deployed.predicted_masks import palette
from softlabel.report.comparison import Comparison, Json, mean
from softlabel.report.drawing.mask_pictures import (
    VOID,
    VOID_TONES,
    Pixels,
    glow,
    glow_colours,
    overlay,
    picture,
    read_grey,
    read_mask,
)
from softlabel.report.drawing.png import read_png
from softlabel.report.page import Cell, Table
from softlabel.text.numbers import count, is_number, number
from softlabel.text.visible import shortened

IMAGES = 3
METHODS = 6
CLASSES_NAMED = 24
NAME_LENGTH = 40
PICTURES_AT_MOST = 700_000
"""Bytes of all pictures together, as they stand in the page."""
SIDES = (192, 160, 128, 96, 64)
ZONES = ("near", "elsewhere")


@dataclass(frozen=True)
class Answer:
    """What a method says of an image: two pictures, and what they show in numbers."""

    method: str
    prediction: str
    uncertainty: str
    right: str
    unsure: str


@dataclass(frozen=True)
class Scene:
    """A test image with its true mask and the answers; pictures are data URIs."""

    name: str
    image: str
    truth: str
    known: str
    answers: list[Answer]


@dataclass(frozen=True)
class MaskSection:
    """The images, what their colours mean, and the numbers of all test images."""

    lead: list[str]
    colours: list[tuple[Markup, str]]
    scale: Markup
    brightest: str
    scenes: list[Scene]
    table: Table


@dataclass(frozen=True)
class _Read:
    """An answer as it was stored, checked."""

    method: str
    prediction: Pixels
    uncertainty: Pixels
    stored: Json


@dataclass(frozen=True)
class _Shown:
    """An image as it was stored, checked, with the answers of the methods that have one."""

    name: str
    image: Image.Image
    truth: Pixels
    answers: list[_Read]


def mask_section(comparison: Comparison) -> MaskSection | None:
    """The same images for all methods; None where no masks were stored."""
    table = _table(comparison)
    shown = _shown(comparison)
    if table is None or not shown:
        return None
    brightest = _brightest(shown)
    return MaskSection(
        lead=_lead(comparison, shown),
        colours=_colours(comparison.class_names, shown),
        scale=_scale(),
        brightest=number(brightest, 1),
        scenes=_within_budget(shown, brightest),
        table=table,
    )


def _shown(comparison: Comparison) -> list[_Shown]:
    stored = comparison.results.get("mask_images")
    entries = stored[:IMAGES] if isinstance(stored, list) else []
    read = (_image(comparison, entry) for entry in entries if isinstance(entry, Mapping))
    return [one for one in read if one is not None and one.answers]


def _image(comparison: Comparison, entry: Mapping[str, Any]) -> _Shown | None:
    image, truth = read_png(entry.get("image")), read_mask(entry.get("truth"), len(comparison.class_names))
    if image is None or truth is None:
        return None
    name = entry.get("sample_id")
    found = (_answer(comparison, method, name, truth) for method in comparison.methods[:METHODS])
    return _Shown(str(name), image, truth, [answer for answer in found if answer is not None])


def _answer(comparison: Comparison, method: str, name: Any, truth: Pixels) -> _Read | None:
    """What the run that was chosen for a method says of an image; None where it was not stored whole."""
    for cell in comparison.of(method):
        for stored in cell.get("masks") or []:
            if stored.get("sample_id") != name:
                continue
            prediction = read_mask(stored.get("prediction"), len(comparison.class_names))
            unsure = read_grey(stored.get("uncertainty"))
            if prediction is None or unsure is None or not prediction.shape == unsure.shape == truth.shape:
                return None
            return _Read(method, prediction, unsure, stored)
    return None


def _within_budget(shown: Sequence[_Shown], brightest: float) -> list[Scene]:
    """All pictures of one size: the largest at which they fit."""
    for side in SIDES:
        scenes = [_scene(one, side, brightest) for one in shown]
        if sum(map(_bytes, scenes)) <= PICTURES_AT_MOST:
            break
    return scenes


def _scene(shown: _Shown, side: int, brightest: float) -> Scene:
    void = float((shown.truth == VOID).mean())
    return Scene(
        name=shown.name,
        image=picture(shown.image, side),
        truth=overlay(shown.image, shown.truth, side),
        known="all void" if void == 1 else f"{100 * void:.0f} % void" if void >= 0.005 else "",
        answers=[
            Answer(
                method=answer.method,
                prediction=overlay(shown.image, np.where(shown.truth == VOID, shown.truth, answer.prediction), side),
                uncertainty=glow(answer.uncertainty, brightest, shown.truth, side),
                right=_right(answer.stored),
                unsure=_unsure(answer.stored),
            )
            for answer in shown.answers
        ],
    )


def _bytes(scene: Scene) -> int:
    pictures = [scene.image, scene.truth, *(one for a in scene.answers for one in (a.prediction, a.uncertainty))]
    return sum(map(len, pictures))


def _right(stored: Json) -> str:
    return f"{percent(stored.get('accuracy'))} of pixels right" if is_number(stored.get("accuracy")) else ""


def _unsure(stored: Json) -> str:
    """The mean uncertainty of an image in both zones, as far as it has them."""
    near, elsewhere = (zone(stored.get("borders"), name).get("uncertainty") for name in ZONES)
    parts = [
        f"{number(near, 2)} near borders" if is_number(near) else "",
        f"{number(elsewhere, 2)} elsewhere" if is_number(elsewhere) else "",
    ]
    return ", ".join(filter(None, parts))


def _lead(comparison: Comparison, shown: Sequence[_Shown]) -> list[str]:
    cell = comparison.shown_cell
    borders = cell["details"].get("borders") if cell else None
    near, elsewhere = (zone(borders, name) for name in ZONES)
    said = []
    if cell and all(is_number(one.get("uncertainty")) for one in (near, elsewhere)):
        said = [
            f"Over all test images, {cell['method']}, seed {cell['seed']}, has a mean uncertainty of "
            f"{number(near['uncertainty'], 2)} within {_distance(borders)} of a true border and of "
            f"{number(elsewhere['uncertainty'], 2)} elsewhere, and the right class for {percent(near.get('accuracy'))} "
            f"of pixels there and for {percent(elsewhere.get('accuracy'))} elsewhere."
        ]
    runs = "its best run on the validation split" if not comparison.published else "its first run"
    many = len(comparison.methods) > METHODS
    whom = f"the first {METHODS} methods" if many else "every method" if len(comparison.methods) > 1 else "the method"
    which = "One test image" if len(shown) == 1 else f"{_WORDS[len(shown)]} test images, evenly spaced in their order"
    return [
        *said,
        f"{which}; of {whom}, {runs}. Uncertainty is the entropy of a pixel's predicted distribution, as a share of "
        "the largest possible. Striped pixels are void: they count nowhere.",
    ]


_WORDS = {2: "Two", 3: "Three"}


def _table(comparison: Comparison) -> Table | None:
    """Both zones of all test images, by method: means over seeds."""
    by_method = {
        method: [borders for cell in comparison.of(method) if (borders := cell["details"].get("borders"))]
        for method in comparison.methods
    }
    distance = next((_distance(own[0]) for own in by_method.values() if own), None)
    if distance is None:
        return None
    rows: list[list[Cell | str]] = [
        [
            Cell(method, tone="strong"),
            *(number(mean(zone(one, name).get("uncertainty") for one in own)) for name in ZONES),
            *(number(mean(zone(one, name).get("accuracy") for one in own)) for name in ZONES),
        ]
        for method, own in by_method.items()
    ]
    some = next(own[0] for own in by_method.values() if own)
    pixels = [count(zone(some, name).get("pixels")) for name in ZONES]
    columns: list[Cell | str] = ["method"]
    for what in ("uncertainty", "accuracy"):
        columns += [
            Cell(f"{what} near borders", f"within {distance}, {pixels[0]} px"),
            Cell(f"{what} elsewhere", f"{pixels[1]} px"),
        ]
    return Table("Near true borders and elsewhere, all test images, means over seeds", columns, rows)


def zone(borders: Any, name: str) -> Mapping[str, Any]:
    """The stored numbers of a zone; none where it is damaged."""
    found = borders.get(name) if isinstance(borders, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _distance(borders: Any) -> str:
    distance = borders.get("distance") if isinstance(borders, Mapping) else None
    return f"{count(distance)} pixels"


def percent(value: Any) -> str:
    """A share as percent."""
    return f"{number(100 * value, 0)} %" if is_number(value) else "–"


def _brightest(shown: Sequence[_Shown]) -> float:
    """The end of the scale for all pictures alike: the largest uncertainty that is shown, up to the next tenth."""
    seen = (answer.uncertainty[one.truth != VOID] for one in shown for answer in one.answers)
    largest = max((int(values.max()) for values in seen if values.size), default=255)
    return max(1, int(np.ceil(largest / 25.5))) / 10


def _colours(names: Sequence[str], shown: Sequence[_Shown]) -> list[tuple[Markup, str]]:
    """A swatch and a name for every class in the pictures, those of most pixels first."""
    masks = [mask for one in shown for mask in (one.truth, *(answer.prediction for answer in one.answers))]
    pixels = np.sum([np.bincount(mask.ravel(), minlength=VOID + 1) for mask in masks], axis=0)
    present = [index for index in np.argsort(-pixels[: len(names)], kind="stable").tolist() if pixels[index]]
    colours = palette()
    legend = [(_swatch(colours[index]), shortened(names[index], NAME_LENGTH)) for index in present[:CLASSES_NAMED]]
    if len(present) > CLASSES_NAMED:
        legend.append((Markup(""), f"and {len(present) - CLASSES_NAMED} more"))
    return [*legend, (_stripes(), "void")] if pixels[VOID] else legend


def _swatch(colour: Sequence[int]) -> Markup:
    return _svg(16, _part("M0 0H16V16H0z", colour))


def _stripes() -> Markup:
    light, dark = VOID_TONES
    return _svg(16, _part("M0 0H16V16H0z", light) + _part("M8 0H16L0 16V8zM16 8V16H8z", dark))


def _scale() -> Markup:
    """The colours of uncertainty from 0 to the brightest."""
    steps = glow_colours(np.arange(48) / 47)
    return _svg(192, Markup("").join(_part(f"M{4 * k} 0H192V16H{4 * k}z", step) for k, step in enumerate(steps)))


def _part(outline: str, colour: Sequence[float]) -> Markup:
    style = "fill:#" + "".join(f"{round(float(part)):02x}" for part in colour)
    return Markup('<path d="{}" style="{}"/>').format(outline, style)


def _svg(width: int, parts: Markup) -> Markup:
    return Markup('<svg viewBox="0 0 {} 16" role="img" aria-label="">').format(width) + parts + Markup("</svg>")
