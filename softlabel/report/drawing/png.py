"""Pictures that come with stored results: read as PNG and as nothing else, and written again."""

from __future__ import annotations

import base64
import binascii
import io
from typing import Any

from PIL import Image, UnidentifiedImageError

from softlabel.report.drawing.heat_map import png_uri

LARGEST_SIDE = 96
TINY_SIDE = 64
PIXELS_AT_MOST = 4096 * 4096
_PREFIX = "data:image/png;base64,"


def own_png(uri: Any) -> tuple[str, bool] | None:
    """A picture read and written again, at most LARGEST_SIDE wide, and whether it is tiny; None where it is no PNG."""
    plain = read_png(uri)
    if plain is None:
        return None
    tiny = max(plain.size) <= TINY_SIDE
    plain.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    return png_uri(plain), tiny


def read_png(uri: Any) -> Image.Image | None:
    """A stored picture, grey or in colours; None where it is no PNG, or has too many pixels."""
    if not isinstance(uri, str) or not uri.startswith(_PREFIX):
        return None
    try:
        with Image.open(io.BytesIO(base64.b64decode(uri[len(_PREFIX) :], validate=True)), formats=["PNG"]) as image:
            if image.width * image.height > PIXELS_AT_MOST:
                return None
            return image.convert("L" if image.mode in ("1", "L", "I;16") else "RGB")
    except (binascii.Error, UnidentifiedImageError, OSError, ValueError, SyntaxError):
        return None
