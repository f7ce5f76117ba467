"""Pictures that a program holds already: Pillow images, arrays of pixels, and lists of them with paths among them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps

from softlabel.data.fitting import Fitting
from softlabel.data.images import (
    FULL_SCALE,
    MAX_PIXELS,
    UNSCALED_MODES,
    BadImageError,
    Colour,
    decode,
    in_colour,
    quiet_decoding,
)
from softlabel.data.refusals import Refusals
from softlabel.errors import UnsupportedError

PICTURES = "the pictures"
_PIXELS = "uint8 pixels of shape (H, W), (H, W, 3) or (H, W, 4)"
Picture = Any
"""A path, a Pillow image, or pixels uint8 (H, W), (H, W, 3) or (H, W, 4)."""


def pictures_given(given: object) -> list[Picture] | None:
    """Pillow images, arrays of one image each, or a list of these and of paths; None for anything else."""
    if isinstance(given, Image.Image) or _is_one_image(given):
        return [given]
    if isinstance(given, np.ndarray) and given.ndim == 4 and given.shape[-1] in (3, 4) and given.shape[1] not in (1, 3):
        return list(given)
    if isinstance(given, list | tuple) and given and all(_is_picture(item) for item in given):
        return list(given)
    return None


def _is_picture(item: object) -> bool:
    return isinstance(item, Image.Image | str | os.PathLike) or _is_one_image(item)


def _is_one_image(item: object) -> bool:
    return isinstance(item, np.ndarray) and (item.ndim == 2 or (item.ndim == 3 and item.shape[-1] in (3, 4)))


def picture_names(pictures: Sequence[Picture]) -> list[str]:
    """Paths as they are, and the places of the others, from 1."""
    return [
        os.fspath(item) if isinstance(item, str | os.PathLike) else f"picture {place}"
        for place, item in enumerate(pictures, 1)
    ]


def read_pictures(
    pictures: Sequence[Picture],
    shape: tuple[int, int, int],
    fitting: Fitting | None,
    refusals: Refusals,
    max_pixels: int = MAX_PIXELS,
    white_level: int = FULL_SCALE,
) -> torch.Tensor:
    """Pixels uint8 (N, C, H, W); what cannot be used is refused."""
    colour: Colour = "grey" if shape[0] == 1 else "rgb"
    pixels = np.zeros((len(pictures), *shape), np.uint8)
    with quiet_decoding():
        for position, picture in enumerate(pictures):
            try:
                found = _pixels(picture, colour, fitting, max_pixels, white_level)
                if found.shape != shape:
                    size = f"{found.shape[1]} x {found.shape[2]} pixels (height x width)"
                    wanted = f"{shape[1]} x {shape[2]} as the network was trained on (or pass resize=True)"
                    raise BadImageError(f"has {size}", wanted)
                pixels[position] = found
            except BadImageError as bad:
                refusals.add(position, None, bad.problem, bad.expected)
    return torch.from_numpy(pixels)


def _pixels(
    picture: Picture, colour: Colour, fitting: Fitting | None, max_pixels: int, white_level: int
) -> NDArray[np.uint8]:
    if isinstance(picture, str | os.PathLike):
        return decode(os.fspath(picture), colour, fitting, max_pixels, white_level)
    if isinstance(picture, np.ndarray):
        if picture.dtype != np.uint8:
            raise BadImageError(f"is an array of {picture.dtype}", _PIXELS)
        if not picture.size:
            raise BadImageError("has no pixels", _PIXELS)
        picture = Image.fromarray(np.ascontiguousarray(picture))
    if picture.mode in UNSCALED_MODES:
        raise BadImageError(f"holds values without a stated scale (mode {picture.mode})", "8 or 16 bits a channel")
    upright = in_colour(ImageOps.exif_transpose(picture), colour, white_level)
    pixels = np.asarray(upright if fitting is None else fitting(upright))
    return pixels[None] if colour == "grey" else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def refuse_pictures(kind: str, what: str) -> None:
    """Raise UnsupportedError where the model reads no images."""
    if kind != "image":
        raise UnsupportedError(f"{PICTURES}: the model reads {what}, expected a table or an array of them")
