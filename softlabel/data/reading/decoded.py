"""Images decoded side by side into one array."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from softlabel.data.fitting import Fitting
from softlabel.data.images import BadImageError, Colour, decode
from softlabel.data.reading.told import tell
from softlabel.data.samples import EncodedImages

_BLOCK = 16

Bad = list[tuple[int, BadImageError]]


def decode_into(
    pixels: NDArray[np.uint8],
    encoded: EncodedImages,
    positions: Sequence[int],
    colour: Colour,
    fitting: Fitting | None,
) -> Bad:
    """Fill the places of these positions in pixels (N, C, H, W); returns what could not be decoded."""

    def decode_block(block: Sequence[int]) -> Bad:
        bad: Bad = []
        for position in block:
            try:
                decoded = decode(encoded[position], colour, fitting, encoded.max_pixels, encoded.white_level)
                if decoded.shape != pixels.shape[1:]:
                    raise BadImageError("has another size than its header says")
                pixels[position] = decoded
            except BadImageError as error:
                bad.append((position, error))
        return bad

    found: Bad = []
    done = 0
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        for block, bad in zip(_blocks(positions), pool.map(decode_block, _blocks(positions)), strict=True):
            found += bad
            done += len(block)
            tell("images", done, len(positions))
    return found


def _blocks(positions: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(positions), _BLOCK):
        yield positions[start : start + _BLOCK]
