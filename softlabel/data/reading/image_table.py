"""A column of encoded images, checked in one pass, and decoded into memory where that fits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from softlabel.data.fitting import Fitting, Size, fitted_note, size_for
from softlabel.data.images import (
    FULL_SCALE,
    MAX_PIXELS,
    BadImageError,
    Colour,
    Header,
    quiet_decoding,
    read_header,
)
from softlabel.data.reading.decoded import Bad, decode_into
from softlabel.data.reading.files import BadFileError, Root
from softlabel.data.reading.image_cache import cache_folder, kept_images
from softlabel.data.reading.white_level import check_white
from softlabel.data.refusals import Refusals
from softlabel.data.samples import EncodedImages
from softlabel.networks.inputs import Fit
from softlabel.text.words import shown

HOLD_LIMIT = 2**30
"""Decoded images up to this many bytes are held in memory where `memory` is 'auto'."""
SMALL = 2**25
"""Up to this many bytes they are decoded anew in every run."""
IMAGE_TYPE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])

Memory = Literal["auto", "hold", "stream"]
Subject = Callable[[int], str]
"""How a refusal speaks of the image at a position: "'img/3.png' ", 'the image ', or '' where the place names it."""


@dataclass(frozen=True)
class ImageTable:
    """Images that can be used.

    encoded  one per row, bad rows included
    shape    (C, H, W) of all of them
    fitting  what brings them to that size; None where all have it
    pixels   decoded, uint8 (M, C, H, W), or None when they are to be streamed
    """

    encoded: EncodedImages
    shape: tuple[int, int, int]
    fitting: Fitting | None
    pixels: NDArray[np.uint8] | None
    notes: list[str]


def images_at(
    names: Sequence[str | None],
    root: Root,
    column: str | None,
    refusals: Refusals,
    only: NDArray[np.bool_] | None = None,
) -> pa.ChunkedArray:
    """Paths of image files named in a table, inside its folder; what cannot be found there is refused.

    `only` (N,) says for which rows a file is needed.
    """
    paths: list[str | None] = [None] * len(names)
    for position in range(len(names)) if only is None else np.flatnonzero(only).tolist():
        name = names[position]
        try:
            paths[position] = root.locate(name or "")
        except BadFileError as bad:
            refusals.add(
                position, column, f"{shown(name)} {bad}" if name else shown(name), f"an image file inside {root.folder}"
            )
    return pa.chunked_array([pa.array(paths, pa.string())])


def struct_column(content: pa.ChunkedArray | None, paths: pa.ChunkedArray | None = None) -> pa.ChunkedArray:
    """An Arrow column of structs {bytes, path}, as Hugging Face datasets store images; bytes are not copied."""
    if content is None:
        assert paths is not None
        content = pa.chunked_array([pa.nulls(len(chunk), pa.binary()) for chunk in paths.chunks], pa.binary())
    if paths is None:
        paths = pa.chunked_array([pa.nulls(len(content), pa.string())])
    starts = np.cumsum([0] + [len(chunk) for chunk in content.chunks])
    parts = [
        pa.StructArray.from_arrays([chunk, _flat(paths.slice(start, len(chunk)))], fields=list(IMAGE_TYPE))
        for start, chunk in zip(starts[:-1].tolist(), content.chunks, strict=True)
    ]
    return pa.chunked_array(parts, IMAGE_TYPE)


def _flat(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks()


def check_images(
    column: pa.ChunkedArray,
    refusals: Refusals,
    *,
    column_name: str | None,
    subject: Subject,
    colour: Literal["auto", "grey", "rgb"] = "auto",
    size: Size | None = None,
    fitting: Fitting | None = None,
    fit: Fit | None = None,
    memory: Memory = "auto",
    keep: bool = False,
    max_pixels: int = MAX_PIXELS,
    white_level: int | None = None,
) -> ImageTable:
    """Check every image that nothing was said against, then hold the good ones decoded if they fit.

    size      (height, width) that all must have; without one they must have that of most, unless something fits them
    fitting   brings all to its size
    fit       where nothing else says a size: how images of several sizes, or large ones, become photos of one
    keep      larger sets are decoded into the user's cache folder, for all runs

    Colour 'auto' is grey if all images are grey. Without `white_level`, 16-bit images darker than half of their scale
    are noted.
    """

    def refuse(position: int, bad: BadImageError) -> None:
        refusals.add(position, column_name, subject(position) + bad.problem, bad.expected)

    encoded = EncodedImages(column, max_pixels, white_level or FULL_SCALE)
    with quiet_decoding():
        headers = _headers(encoded, refusals, refuse)
        sizes = [(header.height, header.width) for header in headers.values()]
        if fitting is None and size is None and fit is not None and sizes and set(sizes) != {size_for(sizes)}:
            fitting = Fitting(size_for(sizes), fit)
        target = fitting.size if fitting else size or commonest_size(sizes)
        if fitting is None:
            _check_sizes(headers, target, size is not None, refuse)
        white_notes = check_white(encoded, headers, white_level, refusals.good, refuse)
        channels: Colour = ("grey" if all(h.grey for h in headers.values()) else "rgb") if colour == "auto" else colour
        shape = (1 if channels == "grey" else 3, *target)
        pixels, bad, notes = _decoded(encoded, shape, channels, fitting, refusals.good.tolist(), memory, keep)
        for position, error in bad:
            refuse(position, error)
    if fitting is not None and sizes:
        notes = [fitted_note(sizes, fitting), *notes]
    notes = white_notes + notes
    with_alpha = sum(header.alpha for header in headers.values())
    if with_alpha:
        notes.append(f"images with transparency, which is left out: {with_alpha:,}")
    return ImageTable(encoded, shape, fitting, pixels, notes)


def _headers(
    encoded: EncodedImages, refusals: Refusals, refuse: Callable[[int, BadImageError], None]
) -> dict[int, Header]:
    headers: dict[int, Header] = {}
    for position in refusals.good.tolist():
        try:
            headers[position] = read_header(encoded[position], encoded.max_pixels)
        except BadImageError as bad:
            refuse(position, bad)
    return headers


def commonest_size(sizes: Iterable[tuple[int, int]]) -> tuple[int, int]:
    """The size (height, width) of most images: what those of another size are measured by."""
    counts = Counter(sizes)
    return counts.most_common(1)[0][0] if counts else (1, 1)


def _check_sizes(
    headers: dict[int, Header], target: tuple[int, int], fixed: bool, refuse: Callable[[int, BadImageError], None]
) -> None:
    height, width = target
    whose = "as the network was trained on" if fixed else "like most images"
    for position, header in headers.items():
        if (header.height, header.width) != target:
            problem = f"has {header.height} x {header.width} pixels (height x width)"
            refuse(position, BadImageError(problem, f"{height} x {width} {whose} (or pass --resize HEIGHT WIDTH)"))


def _decoded(
    encoded: EncodedImages,
    shape: tuple[int, int, int],
    colour: Colour,
    fitting: Fitting | None,
    positions: list[int],
    memory: Memory,
    keep: bool,
) -> tuple[NDArray[np.uint8] | None, Bad, list[str]]:
    """The pixels where they are held, what could not be decoded, and what is said of it."""
    size = len(positions) * int(np.prod(shape))
    amount = f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
    notes = []
    if keep and memory == "auto" and size > SMALL:
        try:
            kept = kept_images(encoded, positions, shape, colour, fitting)
        except OSError as error:
            notes.append(f"decoded images are not kept for other runs: {error.strerror or error}")
        else:
            return kept.pixels, kept.bad, [f"decoded images are kept in {cache_folder()} for all runs ({amount})"]
    if memory == "stream" or (memory == "auto" and size > HOLD_LIMIT):
        return None, [], [*notes, f"images are decoded when they are needed (all together they are {amount})"]
    pixels = np.zeros((len(encoded), *shape), dtype=np.uint8)
    bad = decode_into(pixels, encoded, positions, colour, fitting)
    return pixels, bad, [*notes, f"images are held in memory ({amount})"]
