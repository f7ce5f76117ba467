"""A table of classes against classes as a heat map: colour is for what lies off the diagonal."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgba
from PIL import Image

from softlabel.report.drawing.palette import HEAT, INK, LIGHT_PAGE, LINE, MUTED
from softlabel.report.drawing.svg import drawing, inline_svg, transparent_axes
from softlabel.text.visible import shortened

NUMBERED_CLASSES = 12
DRAWN_CLASSES = 24
PICTURED_CLASSES = 300


def heat_map(
    values: Sequence[Sequence[float]],
    texts: Sequence[Sequence[str]],
    row_names: Sequence[str],
    column_names: Sequence[str],
    axes: tuple[str, str],
    description: str,
    *,
    diagonal: bool = True,
) -> Markup | None:
    """The drawing of a table; None where it is too large to be seen.

    values    what is coloured, zero or more       texts  what is written into the cells of small tables
    axes      what rows and columns are
    diagonal  whether cells of a row and a column of the same name are set apart
    """
    size = max(len(row_names), len(column_names))
    if not size or size > PICTURED_CLASSES:
        return None
    off = np.nan_to_num(np.asarray(values, dtype=float))
    square = diagonal and list(row_names) == list(column_names)
    if square:
        np.fill_diagonal(off, 0.0)
    strength = np.sqrt(np.clip(off / max(off.max(), 1e-12), 0.0, 1.0))  # a root, as errors are rare and uneven
    if size > DRAWN_CLASSES:
        return _picture(strength, description)
    return _drawn(strength, texts, row_names, column_names, axes, description, square)


def _drawn(
    strength: np.ndarray,
    texts: Sequence[Sequence[str]],
    row_names: Sequence[str],
    column_names: Sequence[str],
    names: tuple[str, str],
    description: str,
    square: bool,
) -> Markup:
    rows, columns = strength.shape
    with drawing(350, 350 * max(rows, 1) / max(columns, 1) + 20) as figure:
        axes = transparent_axes(figure)
        cells = list(np.ndindex(rows, columns))
        axes.add_collection(
            PolyCollection(
                [_square(row, column) for row, column in cells],
                facecolors=[
                    to_rgba(LINE, 0.45) if square and row == column else to_rgba(HEAT, float(strength[row, column]))
                    for row, column in cells
                ],
                linewidths=0,
            ),
            autolim=False,
        )
        if max(rows, columns) <= NUMBERED_CLASSES:
            for row, column in cells:
                colour = MUTED if square and row == column else INK
                text = axes.text(
                    column, row, texts[row][column], ha="center", va="center_baseline", fontsize=8, color=colour
                )
                text.set_in_layout(False)
        axes.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5), ylabel=names[0], xlabel=names[1])
        size = 9 if max(rows, columns) <= NUMBERED_CLASSES else 7
        turned = 90 if max(map(len, column_names)) > 3 else 0
        axes.set_xticks(range(columns), [shortened(name, 14) for name in column_names], rotation=turned, fontsize=size)
        axes.set_yticks(range(rows), [shortened(name, 14) for name in row_names], fontsize=size)
        axes.tick_params(length=0, labelcolor=INK)
        axes.spines[:].set_visible(False)
        return inline_svg(figure, description)


def _square(row: int, column: int) -> list[tuple[float, float]]:
    half = 0.47
    return [(column + x, row + y) for x, y in ((-half, -half), (half, -half), (half, half), (-half, half))]


def _picture(strength: np.ndarray, description: str) -> Markup:
    """A pixel a cell: one colour that is more or less opaque, so that it shows on light and dark."""
    colour = [int(LIGHT_PAGE["accent"][place : place + 2], 16) for place in (1, 3, 5)]
    pixels = np.empty((*strength.shape, 4), dtype=np.uint8)
    pixels[..., :3] = colour
    pixels[..., 3] = np.rint(255 * strength)
    return Markup('<img class="map" alt="{}" src="{}">').format(description, png_uri(Image.fromarray(pixels)))


def png_uri(image: Image.Image) -> str:
    """An image as a data URI that was written here, whatever it was read from."""
    stream = io.BytesIO()
    image.save(stream, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
