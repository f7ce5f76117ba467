"""Colours, markers and dashes of the methods, and the page's colours by name.

Drawings use the stand-ins below, which become CSS variables in the page; so one drawing serves light, dark and paper.
The colours of the methods keep apart under the common kinds of colour blindness, and marker and dash tell the same.
"""

from __future__ import annotations

import re

INK, MUTED, LINE, PAPER, HEAT, BAD = "#000001", "#000002", "#000003", "#000004", "#000005", "#000006"
_NAMES = {INK: "ink", MUTED: "muted", LINE: "line", PAPER: "paper", HEAT: "heat", BAD: "bad"}

LIGHT_SERIES = ("#4b5563", "#0068b5", "#c2500a", "#00806a", "#a3338a", "#8a6a00", "#7a4a2a", "#2a2a8c")
DARK_SERIES = ("#cfd6de", "#6cb8f7", "#f57a3a", "#22c98a", "#ee4fa5", "#e8cf4a", "#cfa483", "#a3a8ff")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES = ("solid", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)), (0, (3, 1)))

LIGHT_PAGE = {
    "paper": "#ffffff",
    "raised": "#f4f6f8",
    "ink": "#18202b",
    "muted": "#56606e",
    "line": "#d5dbe3",
    "heat": "#6db1ea",
    "accent": "#0068b5",
    "good": "#0b6b43",
    "bad": "#b3261e",
}
DARK_PAGE = {
    "paper": "#13171d",
    "raised": "#1c222a",
    "ink": "#e9edf2",
    "muted": "#a5afbc",
    "line": "#3a434f",
    "heat": "#22649f",
    "accent": "#6dbcf2",
    "good": "#62d49c",
    "bad": "#ff8f85",
}

_STAND_IN = re.compile(r"#00(?:00|01)[0-9a-f]{2}")


def series_colour(place: int) -> str:
    """The stand-in for the colour of the method at this place."""
    return f"#0001{place % len(LIGHT_SERIES):02x}"


def marker(place: int) -> str:
    """The marker of the method at this place; more markers than colours would need, so pairs repeat late."""
    return MARKERS[place % len(MARKERS)]


def dash(place: int) -> str | tuple[float, tuple[float, ...]]:
    """The line style of the method at this place."""
    return DASHES[place % len(DASHES)]


def with_variables(style: str) -> str:
    """A style in which the stand-ins are the page's CSS variables."""
    return _STAND_IN.sub(lambda found: f"var(--{_variable(found.group())})", style)


def css_variables(*, dark: bool) -> str:
    """The declarations of all variables for one of the two schemes."""
    page = DARK_PAGE if dark else LIGHT_PAGE
    series = DARK_SERIES if dark else LIGHT_SERIES
    named = {**page, **{f"m{place}": colour for place, colour in enumerate(series)}}
    return " ".join(f"--{name}: {value};" for name, value in named.items())


def _variable(stand_in: str) -> str:
    return _NAMES[stand_in] if stand_in in _NAMES else f"m{int(stand_in[-2:], 16)}"
