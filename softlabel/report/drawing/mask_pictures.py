"""Pictures of masks: classes laid over the image in their colours, and uncertainty from dark to bright."""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from softlabel.deployed.predicted_masks import palette
from softlabel.report.drawing.heat_map import png_uri
from softlabel.report.drawing.png import read_png

Pixels = NDArray[np.uint8]

VOID = 255
LARGEST_SIDE = 192
COLOUR_SHARE = 0.62
"""Of a class in a pixel; the rest is the image, in grey."""

SHADES = 24
COLOURS_AT_MOST = 240
"""A PNG with a palette has 256."""

STRIPE = 3
VOID_TONES = ((226, 229, 233), (176, 182, 190))


def read_mask(uri: Any, num_classes: int) -> Pixels | None:
    """A stored mask (H, W); None where it is damaged, or holds what is neither a class nor void."""
    mask = read_grey(uri)
    if mask is None or ((mask >= num_classes) & (mask != VOID)).any():
        return None
    return mask


def read_grey(uri: Any) -> Pixels | None:
    """A stored grey picture (H, W); None where it is damaged or larger than what is stored."""
    image = read_png(uri)
    if image is None or image.mode != "L" or max(image.size) > LARGEST_SIDE:
        return None
    return np.asarray(image)


def overlay(image: Image.Image, mask: Pixels, side: int) -> str:
    """The classes of a mask over its image, no side longer than `side`; striped where the mask is void."""
    mask = _smaller(mask, side, Image.Resampling.NEAREST)
    classes = np.unique(mask[mask != VOID])
    shades = int(np.clip(COLOURS_AT_MOST // max(1, len(classes)), 1, SHADES))
    size = (mask.shape[1], mask.shape[0])
    light = np.asarray(image.convert("L").resize(size, Image.Resampling.LANCZOS)).astype(np.float64)
    steps = (np.floor(light * shades / 256) + 0.5) * 255 / shades
    mixed = COLOUR_SHARE * palette()[mask] + (1 - COLOUR_SHARE) * steps[..., None]
    return _written(mixed, mask)


def glow(unsure: Pixels, largest: float, mask: Pixels, side: int) -> str:
    """Uncertainty from 0, dark, to `largest` (of 1), bright; striped where the mask is void."""
    unsure = _smaller(unsure, side, Image.Resampling.BOX)
    mask = _smaller(mask, side, Image.Resampling.NEAREST)
    return _written(glow_colours(unsure / 255 / max(largest, 1e-6)), mask)


def glow_colours(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Colours (..., 3) from 0 to 255 of shares, in 2 * SHADES steps."""
    steps = np.rint(np.clip(share, 0, 1) * 2 * SHADES) / (2 * SHADES)
    return np.asarray(matplotlib.colormaps["magma"](steps))[..., :3] * 255


def picture(image: Image.Image, side: int) -> str:
    """An image, no side longer than `side`."""
    smaller = image.copy()
    smaller.thumbnail((side, side))
    return png_uri(smaller)


def _smaller(pixels: Pixels, side: int, how: Image.Resampling) -> Pixels:
    height, width = pixels.shape
    scale = side / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(Image.fromarray(pixels).resize(size, how))


def _written(colours: NDArray[np.float64], mask: Pixels) -> str:
    """Colours (H, W, 3) with stripes where the mask is void, with a palette where it takes less room."""
    rows, columns = np.indices(mask.shape)
    stripes = np.array(VOID_TONES)[(rows + columns) // STRIPE % 2]
    pixels = np.rint(np.where((mask == VOID)[..., None], stripes, colours)).astype(np.uint8)
    found, places = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True)
    if len(found) > 256:
        return png_uri(Image.fromarray(pixels))
    indexed = Image.fromarray(places.reshape(mask.shape).astype(np.uint8))
    indexed.putpalette(found.tobytes())
    return png_uri(indexed)
