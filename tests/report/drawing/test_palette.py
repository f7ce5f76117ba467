"""Text can be read, lines can be told apart, in both schemes and with the common kinds of colour blindness."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from softlabel.report.drawing.palette import (
    DARK_PAGE,
    DARK_SERIES,
    DASHES,
    LIGHT_PAGE,
    LIGHT_SERIES,
    MARKERS,
    css_variables,
    dash,
    marker,
    series_colour,
    with_variables,
)

SCHEMES = [(LIGHT_PAGE, LIGHT_SERIES), (DARK_PAGE, DARK_SERIES)]
COLOUR_VISION = {  # Machado, Oliveira and Fernandes (2009), severity 1, for linear RGB
    "full": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
}


def linear(colour: str) -> np.ndarray:
    value = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def contrast(first: str, second: str) -> float:
    light, dark = sorted((linear(colour) @ [0.2126, 0.7152, 0.0722] for colour in (first, second)), reverse=True)
    return float((light + 0.05) / (dark + 0.05))


def over(ground: str, colour: str, opacity: float) -> str:
    """The colour that is seen where another lies over the ground."""
    parts = [[int(text[place : place + 2], 16) for place in (1, 3, 5)] for text in (ground, colour)]
    return "#" + "".join(f"{round(b + (c - b) * opacity):02x}" for b, c in zip(*parts, strict=True))


def lab(rgb: np.ndarray) -> np.ndarray:
    to_xyz = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    ratio = np.cbrt(np.clip(np.array(to_xyz) @ rgb, 1e-6, None) / [0.95047, 1.0, 1.08883])
    return np.array([116 * ratio[1] - 16, 500 * (ratio[0] - ratio[1]), 200 * (ratio[1] - ratio[2])])


@pytest.mark.parametrize(("page", "series"), SCHEMES)
def test_contrast(page: dict[str, str], series: tuple[str, ...]) -> None:
    for ground in ("paper", "raised"):
        for text in ("ink", "muted", "good", "bad", "accent"):
            assert contrast(page[text], page[ground]) >= 4.5, (text, ground)
    assert contrast(page["ink"], page["heat"]) >= 4.5
    assert contrast(page["muted"], over(page["paper"], page["line"], 0.45)) >= 4.5  # on the diagonal of heat maps
    for colour in series:
        assert contrast(colour, page["paper"]) >= 3, colour


@pytest.mark.parametrize("vision", COLOUR_VISION)
@pytest.mark.parametrize(("page", "series"), SCHEMES)
def test_the_first_five_methods_can_be_told_apart(page: dict[str, str], series: tuple[str, ...], vision: str) -> None:
    seen = [lab(np.clip(np.array(COLOUR_VISION[vision]) @ linear(colour), 0, 1)) for colour in series[:5]]
    distances = {pair: float(np.linalg.norm(seen[pair[0]] - seen[pair[1]])) for pair in combinations(range(5), 2)}
    assert min(distances.values()) >= 12, distances


def test_marker_and_dash_tell_the_same_as_colour() -> None:
    looks = {(series_colour(place), marker(place)) for place in range(len(LIGHT_SERIES) * len(MARKERS))}
    assert len(looks) == len(LIGHT_SERIES) * len(MARKERS)
    assert len({dash(place) for place in range(len(DASHES))}) == len(DASHES)


def test_stand_ins_become_variables() -> None:
    assert with_variables("fill:#000001;stroke:#000107;stop:#123456") == "fill:var(--ink);stroke:var(--m7);stop:#123456"
    for dark in (False, True):
        declared = css_variables(dark=dark)
        assert all(f"--{name}: " in declared for name in ("ink", "muted", "line", "paper", "heat", "m0", "m7"))
