"""TrivialAugment (Müller and Hutter, ICCV 2021), wide ranges: one operation of one strength for each image."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps
from torch import Tensor

STRENGTHS = 31
"""Equally spaced ones, of which one is drawn."""
_LARGEST_SHEAR, _LARGEST_SHIFT, _LARGEST_TURN, _LARGEST_CHANGE = 0.99, 32.0, 135.0, 0.99

Operation = Callable[[Image.Image, float, float], Image.Image]
"""An image, a strength from 0 to 1, and a sign, which some do not look at."""


def _affine(image: Image.Image, matrix: tuple[float, ...]) -> Image.Image:
    return image.transform(image.size, Image.Transform.AFFINE, matrix, Image.Resampling.NEAREST)


def _enhanced(kind: Callable[[Image.Image], ImageEnhance._Enhance]) -> Operation:
    return lambda image, strength, sign: kind(image).enhance(1 + sign * strength * _LARGEST_CHANGE)


OPERATIONS: dict[str, Operation] = {
    "identity": lambda image, strength, sign: image,
    "auto_contrast": lambda image, strength, sign: ImageOps.autocontrast(image),
    "equalise": lambda image, strength, sign: ImageOps.equalize(image),
    "rotate": lambda image, strength, sign: image.rotate(sign * strength * _LARGEST_TURN),
    "solarise": lambda image, strength, sign: ImageOps.solarize(image, round(256 * (1 - strength))),
    "posterise": lambda image, strength, sign: ImageOps.posterize(image, 8 - round(6 * strength)),
    "colour": _enhanced(ImageEnhance.Color),
    "contrast": _enhanced(ImageEnhance.Contrast),
    "brightness": _enhanced(ImageEnhance.Brightness),
    "sharpness": _enhanced(ImageEnhance.Sharpness),
    "shear_x": lambda image, strength, sign: _affine(image, (1, sign * strength * _LARGEST_SHEAR, 0, 0, 1, 0)),
    "shear_y": lambda image, strength, sign: _affine(image, (1, 0, 0, sign * strength * _LARGEST_SHEAR, 1, 0)),
    "translate_x": lambda image, strength, sign: _affine(image, (1, 0, sign * strength * _LARGEST_SHIFT, 0, 1, 0)),
    "translate_y": lambda image, strength, sign: _affine(image, (1, 0, 0, 0, 1, sign * strength * _LARGEST_SHIFT)),
}
"""The fourteen of the paper, in its wide ranges (table 1)."""


def trivially_augmented(images: Tensor, generator: torch.Generator) -> Tensor:
    """uint8 images (N, C, H, W), grey or RGB, each changed by one operation that is drawn for it alone."""
    names = list(OPERATIONS)
    kinds = torch.randint(0, len(names), (len(images),), generator=generator).tolist()
    strengths = (torch.randint(0, STRENGTHS, (len(images),), generator=generator) / (STRENGTHS - 1)).tolist()
    signs = (2 * torch.randint(0, 2, (len(images),), generator=generator) - 1).tolist()
    changed = [
        _changed(image, OPERATIONS[names[kind]], strength, sign)
        for image, kind, strength, sign in zip(images.cpu().numpy(), kinds, strengths, signs, strict=True)
    ]
    return torch.from_numpy(np.stack(changed)).to(images.device)


def _changed(image: NDArray[np.uint8], operation: Operation, strength: float, sign: float) -> NDArray[np.uint8]:
    grey = len(image) == 1
    pixels = Image.fromarray(image[0] if grey else np.ascontiguousarray(image.transpose(1, 2, 0)))
    found = np.asarray(operation(pixels, strength, sign))
    return found[None] if grey else found.transpose(2, 0, 1)
