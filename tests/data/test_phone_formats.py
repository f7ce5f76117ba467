"""AVIF and HEIC photos, where they can be read and where they cannot."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, features

from softlabel.data import phone_formats
from softlabel.data.images import BadImageError, decode, read_header

HEIC_START = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"
AVIF_START = b"\x00\x00\x00\x18ftypavif\x00\x00\x00\x00mif1avif"


def encoded(form: str, orientation: int = 1) -> bytes:
    if form == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    elif not features.check("avif"):
        pytest.skip("this Pillow was built without AVIF")
    pixels = np.zeros((40, 64, 3), np.uint8)
    pixels[:, :32] = (250, 10, 10)
    tag = Image.Exif()
    tag[0x0112] = orientation
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form, quality=95, exif=tag)
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["HEIF", "AVIF"])
def test_a_photo_is_read(form: str) -> None:
    header = read_header(encoded(form))
    assert (header.height, header.width, header.grey) == (40, 64, False)
    found = decode(encoded(form), "rgb")
    assert found[0, :, :24].min() > 200
    assert found[0, :, 40:].max() < 60


def test_an_avif_on_its_side_is_turned() -> None:
    assert read_header(encoded("AVIF", 6))[:2] == (64, 40)
    assert decode(encoded("AVIF", 6), "rgb").shape == (3, 64, 40)


@pytest.mark.parametrize("form", ["HEIF", "AVIF"])
@pytest.mark.parametrize("lost", [1, 20, 300])
def test_a_cut_photo_is_refused(form: str, lost: int) -> None:
    with pytest.raises(BadImageError):
        read_header(encoded(form)[:-lost])


@pytest.mark.parametrize(
    ("start", "problem", "expected"),
    [
        (HEIC_START, "is a photo in HEIC, which cannot be read here", "its reader: pip install 'softlabel[heic]'"),
        (AVIF_START, "is a photo in AVIF, which cannot be read here", "Pillow 11.3 or newer: pip install -U pillow"),
    ],
)
def test_what_cannot_be_read_here_names_what_it_needs(
    start: bytes, problem: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phone_formats, "phone_formats", tuple)
    monkeypatch.setattr("softlabel.data.images.phone_formats", tuple)
    with pytest.raises(BadImageError) as raised:
        read_header(start + bytes(100))
    assert (raised.value.problem, raised.value.expected) == (problem, expected)


@pytest.mark.parametrize("content", [b"", b"\x00\x00\x00\x18ftypmp42" + bytes(100), b"ftypheic", HEIC_START[:11]])
def test_other_files_are_no_phone_photos(content: bytes) -> None:
    with pytest.raises(BadImageError, match=r"is empty|is not an image that can be read"):
        read_header(content)


@pytest.mark.parametrize(
    ("content", "whole"),
    [
        (b"\x00\x00\x00\x08ftyp\x00\x00\x00\x0amdat..", True),
        (b"\x00\x00\x00\x08ftyp\x00\x00\x00\x0bmdat..", False),
        (b"\x00\x00\x00\x08ftyp\x00\x00\x00\x00mdat.....", True),
        (b"\x00\x00\x00\x01ftyp\x00\x00\x00\x00\x00\x00\x00\x12..", True),
        (b"\x00\x00\x00\x01ftyp\x00\x00\x00\x00\x00\x00\x00\x13..", False),
        (b"\x00\x00\x00\x02ftyp", False),
        (b"\x00\x00", False),
    ],
)
def test_boxes_that_end_where_the_file_does(content: bytes, whole: bool) -> None:
    assert phone_formats.boxes_are_whole(io.BytesIO(content)) is whole
