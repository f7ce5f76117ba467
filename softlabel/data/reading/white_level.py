"""Which value is white in images of 16 bits a channel: cameras and scanners often fill only some of the bits."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from softlabel.data.images import FULL_SCALE, BadImageError, Header, largest_value, refuse_above_white
from softlabel.data.samples import EncodedImages


def check_white(
    encoded: EncodedImages,
    headers: Mapping[int, Header],
    white_level: int | None,
    good: NDArray[np.int64],
    refuse: Callable[[int, BadImageError], None],
) -> list[str]:
    """Refuse values above the white level, and 16-bit colours beside one; return what is to be said of all images.

    Without a white level, images that use half of their scale or less are noted: few of 256 grey levels are left.
    """
    scaled = white_level not in (None, FULL_SCALE)
    depths = {position: headers[position].depth for position in good.tolist() if position in headers}
    colours = [position for position, depth in depths.items() if depth == "16 colour"]
    for position in colours if scaled else ():
        refuse(position, BadImageError("has 16 bits a channel in colours, of which only 8 are read", "grey, or 8 bits"))
    greys = [position for position, depth in depths.items() if depth == "16 grey"]
    if scaled and not greys:
        return [f"no image has 16 bits of grey: white level {white_level:,} is not used"] if depths else []
    if white_level == FULL_SCALE or not greys:
        return [_of_colours(len(colours))] if colours and not scaled else []
    largest = 0
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        for position, found in zip(greys, pool.map(lambda row: _largest(encoded, row), greys), strict=True):
            try:
                if isinstance(found, BadImageError):
                    raise found
                refuse_above_white(found, white_level or FULL_SCALE)
                largest = max(largest, found)
            except BadImageError as bad:
                refuse(position, bad)
    if white_level is not None:
        return [f"16-bit images: {white_level:,} is white; the largest value is {largest:,}"]
    return [*_of_dark(largest), *([_of_colours(len(colours))] if colours else [])]


def _largest(encoded: EncodedImages, row: int) -> int | BadImageError:
    try:
        return largest_value(encoded[row], encoded.max_pixels)
    except BadImageError as bad:
        return bad


def _of_dark(largest: int) -> list[str]:
    bits = largest.bit_length()
    if bits >= 16 or not largest:
        return []
    levels = round(largest * 255 / FULL_SCALE) + 1
    fitting = 2**bits - 1
    return [
        f"16-bit images: the largest value is {largest:,} of {FULL_SCALE:,}, so at most {levels} of 256 grey levels are"
        f" used; with --white-level {fitting} that value is white"
    ]


def _of_colours(count: int) -> str:
    return f"images with 16 bits a channel in colours, of which the upper 8 are read: {count:,}"
