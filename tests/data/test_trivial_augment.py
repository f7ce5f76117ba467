"""TrivialAugment: fourteen operations, one for each image, in the wide ranges of the paper."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from softlabel.data.trivial_augment import OPERATIONS, trivially_augmented


def image(side: int = 41) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8))


def applied(name: str, strength: float, sign: float = 1.0, given: Image.Image | None = None) -> Any:
    return np.asarray(OPERATIONS[name](given or image(), strength, sign)).astype(int)


def test_there_are_the_fourteen_of_the_paper() -> None:
    assert len(OPERATIONS) == 14


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name not in ("auto_contrast", "equalise")])
def test_no_strength_is_no_change(name: str) -> None:
    assert np.array_equal(applied(name, 0.0), np.asarray(image()))


def test_the_ranges_are_the_wide_ones() -> None:
    pixels = np.asarray(image()).astype(int)
    shifted = applied("translate_x", 1.0)
    assert np.array_equal(shifted[:, :-32], pixels[:, 32:])
    assert not shifted[:, -32:].any()
    assert np.array_equal(applied("translate_y", 1.0, -1.0)[32:], pixels[:-32])
    assert np.array_equal(applied("posterise", 1.0), pixels // 64 * 64)
    assert np.array_equal(applied("solarise", 1.0), 255 - pixels)
    assert np.array_equal(applied("rotate", 1.0), np.asarray(image().rotate(135)).astype(int))
    np.testing.assert_allclose(applied("brightness", 1.0), np.minimum(pixels * 1.99, 255), atol=1)
    np.testing.assert_allclose(applied("brightness", 1.0, -1.0), pixels * 0.01, atol=1)
    grey = np.asarray(image().convert("L")).astype(int)[..., None]
    np.testing.assert_allclose(applied("colour", 1.0, -1.0), grey + 0.01 * (pixels - grey), atol=1.5)
    ramp = Image.fromarray(np.repeat(np.arange(41, dtype=np.uint8)[None], 41, 0))
    sheared = applied("shear_x", 1.0, given=ramp)
    np.testing.assert_array_equal(sheared[10, :30], np.floor(np.arange(30) + 0.5 + 0.99 * 10.5).astype(int))


def test_each_image_has_an_operation_of_its_own() -> None:
    images = torch.from_numpy(np.array(image())).permute(2, 0, 1).expand(300, 3, 41, 41).contiguous()
    found = trivially_augmented(images, torch.Generator().manual_seed(0))
    same = (found == images).flatten(1).all(1).double().mean().item()
    # identity, the contrast of an image that has all of it, and the strength of nothing
    assert same == pytest.approx(2 / 14 + 11 / 14 / 31, abs=0.05)
    assert len({one.numpy().tobytes() for one in found}) > 150


def test_grey_images_stay_grey() -> None:
    images = torch.randint(0, 256, (40, 1, 20, 20), dtype=torch.uint8)
    found = trivially_augmented(images, torch.Generator().manual_seed(0))
    assert found.shape == images.shape
    assert found.dtype == torch.uint8
