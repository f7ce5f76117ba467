"""Encoded images to uint8 arrays, with Pillow: what is read, what is refused, how colours are made."""

from __future__ import annotations

import io
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from softlabel.data.fitting import Fitting
from softlabel.data.phone_formats import PHONE_FORMATS, boxes_are_whole, missing_format, phone_formats

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
MAX_PIXELS = 50_000_000
GREY_MODES = ("1", "L", "LA", "I;16", "I;16L", "I;16B", "I;16N")
ALPHA_MODES = ("LA", "La", "PA", "RGBA", "RGBa")
UNSCALED_MODES = ("I", "F")
ORIENTATION = 0x0112
FULL_SCALE = 65_535
"""What is white in a channel of 16 bits, unless it is said to be less."""
_SMALL = 65_536
_PNG_START = b"\x89PNG\r\n\x1a\n"
_PNG_METADATA = (b"eXIf", b"tEXt", b"zTXt", b"iTXt")
_AN_IMAGE = "a whole image (PNG, JPEG, WebP, BMP, GIF, TIFF, AVIF or HEIC)"

Colour = Literal["grey", "rgb"]
Encoded = str | bytes
"""The path of an image file, or its bytes."""


class BadImageError(Exception):
    """What is wrong with an image, as part of a sentence, and what was expected instead."""

    def __init__(self, problem: str, expected: str = _AN_IMAGE) -> None:
        super().__init__(problem)
        self.problem = problem
        self.expected = expected


class Header(NamedTuple):
    """What is known of an image without decoding it; height and width after turning it upright.

    depth  bits of a channel: of 16 in grey all are read, of 16 in colours the upper 8
    """

    height: int
    width: int
    grey: bool
    alpha: bool
    depth: Literal["8", "16 grey", "16 colour"]


@contextmanager
def quiet_decoding() -> Iterator[None]:
    """Silence Pillow's warnings inside the block: what matters of them is refused. Not for several threads at once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def read_header(encoded: Encoded, max_pixels: int = MAX_PIXELS) -> Header:
    """Size and kind of an image from its first bytes, and whether the file is whole by its last.

    Raises BadImageError for what is no image, more than `max_pixels`, a cut file, or a scale that is not stated.
    """
    with _opened(encoded) as stream:
        image = _open(stream, max_pixels)
        width, height = image.size
        if image.mode in UNSCALED_MODES:
            raise BadImageError(f"holds values without a stated scale (mode {image.mode})", "8 or 16 bits a channel")
        if not _is_whole(image, stream):
            raise BadImageError("is cut off before its end")
        if _orientation(image, stream) >= 5:  # on its side
            height, width = width, height
        alpha = image.mode in ALPHA_MODES or "transparency" in image.info
        return Header(height, width, image.mode in GREY_MODES, alpha, _depth(image))


def _depth(image: Image.Image) -> Literal["8", "16 grey", "16 colour"]:
    if image.mode.startswith("I;16"):
        return "16 grey"
    arguments = image.tile[0].args if image.tile else ""  # type: ignore[attr-defined]
    raw_mode = arguments if isinstance(arguments, str) else str(arguments[0]) if arguments else ""
    return "16 colour" if ";16" in raw_mode else "8"


def largest_value(encoded: Encoded, max_pixels: int = MAX_PIXELS) -> int:
    """The largest value of an image of 16-bit grey, before any scaling. Raises BadImageError."""
    with _opened(encoded) as stream:
        image = _open(stream, max_pixels)
        with _decoding():
            return int(np.asarray(image).max())


def decode(
    encoded: Encoded,
    colour: Colour,
    fitting: Fitting | None = None,
    max_pixels: int = MAX_PIXELS,
    white_level: int = FULL_SCALE,
) -> NDArray[np.uint8]:
    """An image as uint8 (1, H, W) or (3, H, W), upright by its EXIF tag; of an animation the first frame.

    An alpha channel is left out; 16-bit grey is scaled so that `white_level` becomes 255, and rounded; `fitting` brings
    it to one size, bilinear with anti-aliasing. A JPEG that will be shrunk is decoded at a smaller scale of its own,
    which is much quicker. Raises BadImageError, also for 16-bit values above `white_level`.
    """
    with _opened(encoded) as stream:
        image = _open(stream, max_pixels)
        with _decoding():
            if fitting is not None and image.format in ("JPEG", "MPO"):
                _draft(image, stream, fitting)
            image.load()
            upright = in_colour(turned_upright(image, stream), colour, white_level)
    pixels = np.asarray(upright if fitting is None else fitting(upright))
    return pixels[None] if colour == "grey" else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _draft(image: Image.Image, stream: BinaryIO, fitting: Fitting) -> None:
    """Let the decoder make an image of 1/2, 1/4 or 1/8 of the sides where that is still large enough."""
    on_its_side = _orientation(image, stream) >= 5
    size = image.size[::-1] if on_its_side else image.size
    needed = fitting.needed(*size)
    image.draft(None, needed[::-1] if on_its_side else needed)


@contextmanager
def _decoding() -> Iterator[None]:
    try:
        yield
    except BadImageError:
        raise
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, MemoryError, Warning) as error:
        raise BadImageError(f"cannot be decoded ({_one_line(error)})") from None
    except Exception as error:  # damaged files make Pillow's readers raise almost anything
        raise BadImageError(f"cannot be decoded ({type(error).__name__}: {_one_line(error)})") from None


def turned_upright(image: Image.Image, stream: BinaryIO) -> Image.Image:
    """An opened image as its orientation tag says it is to be seen."""
    return ImageOps.exif_transpose(image) if _orientation(image, stream) > 1 else image


@contextmanager
def _opened(encoded: Encoded) -> Iterator[BinaryIO]:
    if isinstance(encoded, bytes):
        yield io.BytesIO(encoded)
        return
    try:
        file = io.FileIO(encoded)
    except OSError as error:
        raise BadImageError(f"cannot be opened ({error.strerror})") from None
    with file:
        start = file.read(_SMALL)
        if len(start) < _SMALL:  # the whole file: one read is much faster than many
            yield io.BytesIO(start)
        else:
            file.seek(0)
            yield io.BufferedReader(file)


def _open(stream: BinaryIO, max_pixels: int) -> Image.Image:
    try:
        image = Image.open(stream, formats=FORMATS + phone_formats())
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        pixels = re.search(r"\((\d+) pixels\)", str(error))
        raise _too_large(int(pixels[1]) if pixels else 2 * max_pixels, max_pixels) from None
    except UnidentifiedImageError:
        raise _unidentified(stream) from None
    except Exception as error:
        raise BadImageError(f"cannot be read ({_one_line(error)})") from None
    if image.width * image.height > max_pixels:
        raise _too_large(image.width * image.height, max_pixels)
    return image


def _unidentified(stream: BinaryIO) -> BadImageError:
    if not _size(stream):
        return BadImageError("is empty")
    missing = missing_format(stream)
    return BadImageError("is not an image that can be read") if missing is None else BadImageError(*missing)


def _too_large(pixels: int, max_pixels: int) -> BadImageError:
    limit = f"at most {max_pixels / 1e6:g} megapixels (--max-megapixels)"
    return BadImageError(f"has {pixels / 1e6:,.1f} megapixels", limit)


def _is_whole(image: Image.Image, stream: BinaryIO) -> bool:
    """Whether the file ends as its format must; where an end mark is missing and may be, decoding decides."""
    if image.format == "WEBP":
        return _size(stream) >= 8 + _number_at(stream, 4)
    if image.format == "BMP":
        return _size(stream) >= _number_at(stream, 2)
    if image.format in PHONE_FORMATS:
        return boxes_are_whole(stream)
    tail = _tail(stream, 4096)
    if image.format == "PNG":
        return b"IEND\xaeB`\x82" in tail
    if image.format == "GIF":
        return tail.rstrip(b"\0").endswith(b"\x3b")
    return b"\xff\xd9" in tail[-64:] or _can_be_decoded(image)  # JPEG (cameras append things to it) and TIFF


def _can_be_decoded(image: Image.Image) -> bool:
    try:
        image.load()
    except Exception:  # damaged files make Pillow's readers raise almost anything
        return False
    return True


def _tail(stream: BinaryIO, length: int) -> bytes:
    stream.seek(max(0, _size(stream) - length))
    return stream.read(length)


def _number_at(stream: BinaryIO, offset: int) -> int:
    stream.seek(offset)
    return int.from_bytes(stream.read(4), "little")


def _size(stream: BinaryIO) -> int:
    return stream.seek(0, os.SEEK_END)


def _orientation(image: Image.Image, stream: BinaryIO) -> int:
    if image.format not in ("JPEG", "MPO", "WEBP", "TIFF", "PNG", "AVIF"):  # a HEIF is turned by its decoder
        return 1
    # the tag of a PNG may stand behind the pixels: asking for it decodes them all, which only few files need
    if image.format == "PNG" and not _png_has_metadata(stream):
        return 1
    try:
        turn = image.getexif().get(ORIENTATION, 1)
    except Exception:  # a damaged tag does not turn an image
        return 1
    return turn if isinstance(turn, int) and 1 <= turn <= 8 else 1


def _png_has_metadata(stream: BinaryIO) -> bool:
    """Whether a PNG has a chunk in which an orientation can stand; the stream stays where it was."""
    before = stream.tell()
    try:
        position = len(_PNG_START)
        while True:
            stream.seek(position)
            head = stream.read(8)
            if len(head) < 8 or head[4:] == b"IEND":
                return False
            if head[4:] in _PNG_METADATA:
                return True
            position += 12 + int.from_bytes(head[:4], "big")
    finally:
        stream.seek(before)


def in_colour(image: Image.Image, colour: Colour, white_level: int) -> Image.Image:
    """An image in 8 bits of grey or of RGB, without transparency; 16 bits are scaled. Raises BadImageError."""
    if image.mode.startswith("I;16"):
        values: NDArray[Any] = np.asarray(image).astype(np.float64)
        refuse_above_white(int(values.max()), white_level)
        image = Image.fromarray(np.rint(values * (255 / white_level)).astype(np.uint8))
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")  # the palette's alpha is left out like any other
    mode = "L" if colour == "grey" else "RGB"
    return image if image.mode == mode else image.convert(mode)


def refuse_above_white(largest: int, white_level: int) -> None:
    """Raise BadImageError where a value is whiter than white."""
    if largest > white_level:
        raise BadImageError(f"holds the value {largest:,}", f"at most {white_level:,} (--white-level)")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
