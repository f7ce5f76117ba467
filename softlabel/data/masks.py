"""Masks: the class index of every pixel, stored as a grey or palette PNG."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from softlabel.data.annotation import VOID
from softlabel.data.images import BadImageError, Encoded, read_header, turned_upright
from softlabel.errors import DataError
from softlabel.text.words import among

A_MASK = "a PNG with one class index a pixel: 8-bit grey or palette"
_START = b"\x89PNG\r\n\x1a\n"
_GREY, _PALETTE = 0, 3


def mask_size(encoded: Encoded, max_pixels: int) -> tuple[int, int]:
    """Height and width of a mask by its header. Raises BadImageError for what is no mask, and for a cut file."""
    header = read_header(encoded, max_pixels)
    start, depth, kind = _png_header(encoded)
    if start != _START:
        raise BadImageError("is not a PNG", A_MASK)
    if kind not in (_GREY, _PALETTE) or depth > 8:
        raise BadImageError("is 16-bit grey" if kind == _GREY else "has colours or transparency", A_MASK)
    return header.height, header.width


def decode_mask(encoded: Encoded, resize: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """A mask as uint8 (H, W), upright like an image, as stored: palette colours are not looked at.

    `resize` (height, width) is as in `resized`. Raises BadImageError.
    """
    _, depth, kind = _png_header(encoded)
    try:
        with (
            io.BytesIO(encoded) if isinstance(encoded, bytes) else open(encoded, "rb") as stream,
            Image.open(stream, formats=("PNG",)) as image,
        ):
            image.load()
            mask = np.asarray(turned_upright(image, stream)).astype(np.uint8)
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise BadImageError(f"cannot be decoded ({' '.join(str(error).split())[:120]})", A_MASK) from None
    if kind == _GREY and depth in (2, 4):  # Pillow stretches these to 0 ... 255
        mask //= 255 // (2**depth - 1)
    return mask if resize is None else resized(mask, *resize)


def resized(mask: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """A mask (H, W) in another size, each pixel the nearest one: classes have nothing in between."""
    return np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST))


def check_classes(mask: NDArray[np.uint8], classes: Sequence[str]) -> None:
    """Raises BadImageError with the first value that is neither a class index nor void."""
    wrong = (mask >= len(classes)) & (mask != VOID)
    if wrong.any():
        row, column = (int(index[0]) for index in np.nonzero(wrong))
        expected = f"a class index from 0 to {len(classes) - 1}, or {VOID} for void"
        raise BadImageError(f"holds {mask[row, column]} at row {row + 1}, column {column + 1}", expected)


def refuse_doubtful_void(name: str, pixels: NDArray[np.int64], classes: Sequence[str], *, accept: bool) -> None:
    """Raise DataError where 255 occurs and may have been meant as a class: else its pixels would be left out unseen.

    pixels   how many have each value, (256,)
    accept   whether 255 is known to be void where a class has no pixel; never where one class only is left
    """
    without = [classes[k] for k in np.flatnonzero(pixels[: len(classes)] == 0).tolist()]
    seen = len(classes) - len(without)
    if not pixels[VOID] or (seen > 1 and (accept or not without)):
        return
    what = f"no pixel is of {among(without)}" if seen > 1 else f"only {seen} class has pixels of its own"
    hint = "" if seen < 2 else f"; where {VOID} is meant as void, pass --accept-void"
    raise DataError(
        f"{name}: {VOID} in a mask means void, which counts nowhere: {pixels[VOID] / pixels.sum():.0%} of pixels, "
        f"and {what}; expected class indices from 0 to {max(len(classes) - 1, 1)}{hint}"
    )


def _png_header(encoded: Encoded) -> tuple[bytes, int, int]:
    """The first eight bytes, the bit depth and the colour type."""
    if isinstance(encoded, bytes):
        header = encoded[:26]
    else:
        with open(encoded, "rb") as file:
            header = file.read(26)
    return header[:8], *header[24:26].ljust(2, b"\0")
