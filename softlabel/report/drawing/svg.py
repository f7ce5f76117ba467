"""A matplotlib figure as a bare piece of inline SVG: no ids, no references, no style sheet, no fonts, short numbers.

Text stays text (so it can be selected, searched and read aloud), colours become the page's CSS variables, and what
matplotlib shares by reference is written out, so that many figures stand in one page without sharing names.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from markupsafe import Markup
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from softlabel.report.drawing.palette import INK, LINE, MUTED, with_variables

_SETTINGS = {
    "svg.fonttype": "none",
    "svg.hashsalt": "softlabel",
    "text.parse_math": False,  # a class may be called $x$
    "axes.formatter.use_mathtext": False,
    "font.size": 9.5,
    "axes.labelsize": 9.5,
    "axes.titlesize": 10.5,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": LINE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "lines.markersize": 5,
    "axes.axisbelow": True,
}
_KEPT_STYLES = ("fill", "stroke", "font-size", "font-weight", "text-anchor", "opacity")
_LONG_NUMBER = re.compile(r"-?\d+\.\d+")


@contextmanager
def drawing(width: float, height: float) -> Iterator[Figure]:
    """A figure of this size in points, with the report's settings inside the block; no global figure is made."""
    with style.context(["default", _SETTINGS]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # the page's fonts draw the text
        warnings.filterwarnings("ignore", "constrained_layout not applied")  # long names: the page still shows them
        yield Figure((width / 72, height / 72), layout="constrained", frameon=False)


def transparent_axes(figure: Figure) -> Axes:
    """Axes without a background, as the page shows through."""
    axes: Axes = figure.add_subplot()
    axes.patch.set_visible(False)
    return axes


def inline_svg(figure: Figure, description: str) -> Markup:
    """The figure as markup to put into a page; `description` is read aloud in its place. To be called while drawing."""
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None})
    drawn = ElementTree.fromstring(stream.getvalue())
    shared = {element.get("id", ""): element for element in drawn.iter() if element.get("id")}
    page = Element("svg", {"viewBox": drawn.get("viewBox", ""), "role": "img", "aria-label": description})
    page.extend(_bare(list(drawn), shared))
    return Markup(ElementTree.tostring(page, encoding="unicode"))


def _bare(elements: list[Element], shared: dict[str, Element]) -> Iterator[Element]:
    for element in elements:
        match _tag(element):
            case "g":
                yield from _bare(list(element), shared)
            case "path":
                yield _path(element, element.get("transform", ""), element.get("style", ""))
            case "use":
                yield _use(element, shared)
            case "text":
                yield _text(element)


def _use(element: Element, shared: dict[str, Element]) -> Element:
    original = shared[_reference(element)]
    place = f"translate({_short(element.get('x', '0'))} {_short(element.get('y', '0'))})"
    return _path(original, place, f"{original.get('style', '')};{element.get('style', '')}")


def _path(element: Element, transform: str, style: str) -> Element:
    outline = _short(" ".join(element.get("d", "").split()))
    path = Element("path", {"d": outline.replace(" L ", "L").replace(" C ", "C").replace("M ", "M").replace(" z", "z")})
    return _styled(path, transform, style)


def _text(element: Element) -> Element:
    text = Element("text", {axis: _short(element.get(axis, "0")) for axis in ("x", "y")})
    text.text = "".join(element.itertext())
    turn = element.get("transform", "")
    return _styled(text, "" if turn.startswith("rotate(-0 ") else turn, element.get("style", ""))


def _styled(element: Element, transform: str, style: str) -> Element:
    if transform:
        element.set("transform", _short(transform))
    declarations = dict(part.strip().split(": ", 1) for part in style.split(";") if ": " in part)
    kept = {name: value for name, value in declarations.items() if name.startswith(_KEPT_STYLES)}
    if kept:
        element.set("style", with_variables(";".join(f"{name}:{_short(value)}" for name, value in kept.items())))
    return element


def _tag(element: Element) -> str:
    return element.tag.rsplit("}", 1)[-1]


def _reference(element: Element) -> str:
    return next(value for name, value in element.attrib.items() if name.endswith("href")).lstrip("#")


def _short(text: str) -> str:
    """Numbers to a tenth of a point, which is finer than a screen shows; small ones (opacities) to a hundredth."""
    return _LONG_NUMBER.sub(lambda found: f"{float(found.group()):.{1 if abs(float(found.group())) > 2 else 2}f}", text)
