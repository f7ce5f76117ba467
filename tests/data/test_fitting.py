"""Photos of any size in one: what is seen of them, and what is cut off or added."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from softlabel.data.fitting import GREY, Fitting, fitted_note, size_for
from softlabel.data.images import decode
from softlabel.networks.inputs import Fit

sides = st.integers(1, 60)


def ramp(height: int, width: int) -> Image.Image:
    """Red grows from left to right, green from top to bottom: a pixel says where it was, in halves of the image."""
    red = np.broadcast_to((np.arange(width) + 0.5) / width, (height, width))
    green = np.broadcast_to(((np.arange(height) + 0.5) / height)[:, None], (height, width))
    return Image.fromarray(np.rint(255 * np.stack([red, green, np.zeros_like(red)], 2)).astype(np.uint8))


def seen(image: Image.Image) -> tuple[float, float, float, float]:
    """Where the left, right, top and bottom edges of what is seen were, as shares of the image."""
    pixels: NDArray[np.float64] = np.asarray(image).astype(float) / 255
    across, down = pixels[:, :, 0].mean(0), pixels[:, :, 1].mean(1)
    step = (across[-1] - across[0]) / (len(across) - 1) / 2, (down[-1] - down[0]) / (len(down) - 1) / 2
    return across[0] - step[0], across[-1] + step[0], down[0] - step[1], down[-1] + step[1]


@pytest.mark.parametrize(("fit", "edges"), [("crop", (0.25, 0.75, 0.0, 1.0)), ("stretch", (0.0, 1.0, 0.0, 1.0))])
def test_what_is_seen_of_a_wide_photo(fit: Fit, edges: tuple[float, ...]) -> None:
    fitted = Fitting((100, 100), fit)(ramp(200, 400))
    np.testing.assert_allclose(seen(fitted), edges, atol=0.02)


def test_a_padded_photo_is_whole_between_grey_bars() -> None:
    pixels = np.asarray(Fitting((100, 100), "pad")(ramp(200, 400)))
    assert np.all(pixels[:25] == GREY)
    assert np.all(pixels[75:] == GREY)
    np.testing.assert_allclose(seen(Image.fromarray(pixels[25:75])), (0, 1, 0, 1), atol=0.02)


@given(sides, sides, sides, sides, st.sampled_from(["crop", "pad", "stretch"]), st.sampled_from(["L", "RGB"]))
def test_any_image_gets_the_size(height: int, width: int, tall: int, wide: int, fit: Fit, mode: str) -> None:
    fitting = Fitting((tall, wide), fit)
    image = Image.new(mode, (width, height))
    assert fitting(image).size == (wide, tall)
    needed = fitting.needed(width, height)
    if fit == "pad":
        assert needed[0] <= max(1, wide)
        assert needed[1] <= max(1, tall)
    else:
        assert needed[0] >= wide
        assert needed[1] >= tall


def test_an_image_of_the_size_is_not_touched() -> None:
    image = ramp(30, 20)
    assert Fitting((30, 20))(image) is image


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_large_jpeg_decoded_at_a_smaller_scale_looks_the_same(fit: Fit, orientation: int) -> None:
    photo = ramp(900, 1600)
    tag = Image.Exif()
    tag[0x0112] = orientation
    buffer = io.BytesIO()
    photo.save(buffer, "JPEG", quality=95, exif=tag)
    upright = photo.transpose(Image.Transpose.ROTATE_270) if orientation == 6 else photo
    expected = np.asarray(Fitting((100, 120), fit)(upright)).transpose(2, 0, 1).astype(float)
    found = decode(buffer.getvalue(), "rgb", Fitting((100, 120), fit)).astype(float)
    assert np.abs(found - expected).mean() < 2
    assert np.abs(found - expected).max() < 30


@pytest.mark.parametrize(
    ("sizes", "size"),
    [
        ([(28, 28)] * 5, (28, 28)),
        ([(28, 20)] * 9 + [(400, 300)], (28, 20)),
        ([(28, 20)] * 8 + [(400, 300)] * 2, (20, 20)),
        ([(256, 256)] * 5, (256, 256)),
        ([(257, 256)] * 5, (224, 224)),
        ([(3000, 4000)] * 5, (224, 224)),
        ([(100, 200), (90, 80), (300, 60)], (80, 80)),
    ],
)
def test_the_size_that_photos_get(sizes: list[tuple[int, int]], size: tuple[int, int]) -> None:
    assert size_for(sizes) == size


def test_one_line_says_what_is_done() -> None:
    sizes = [(200, 100), (300, 400), (300, 400)]
    assert fitted_note(sizes, Fitting((224, 224), "pad")) == (
        "images (2 sizes, 200 x 100 to 300 x 400) are resized and padded to 224 x 224 (--resize, --fit)"
    )
    assert fitted_note([(300, 400)], Fitting((64, 48))) == (
        "images (300 x 400) are resized and cropped to 64 x 48 (--resize, --fit)"
    )
