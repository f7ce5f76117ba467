"""What is white in images of 16 bits, and which way up every format is."""

import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from softlabel.data.config import DataConfig
from softlabel.data.images import BadImageError, decode, read_header
from softlabel.data.masks import decode_mask, mask_size
from softlabel.data.reading.open_source import open_source
from softlabel.errors import DataError

SIDEWAYS = np.arange(24, dtype=np.uint8).reshape(4, 6) * 10


def encoded(array, kind, **options):
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, kind, **options)
    return stream.getvalue()


def with_tag(array, kind, turn, **options):
    exif = Image.Exif()
    exif[0x0112] = turn
    return encoded(array, kind, exif=exif, **options)


def behind_the_pixels(png):
    """The same PNG with its eXIf chunk as the last one but IEND, where it may stand too."""
    start = png.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(png[start : start + 4], "big")
    tail = png.index(b"IEND") - 4
    return png[:start] + png[end:tail] + png[start:end] + png[tail:]


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "PNG late", "JPEG", "WEBP", "TIFF"])
def test_every_format_is_turned_upright(kind, turn):
    options = {"JPEG": {"quality": 100}, "WEBP": {"lossless": True}}.get(kind, {})
    colours = np.stack([SIDEWAYS] * 3, 2)
    data = with_tag(colours, kind.split()[0], turn, **options)
    data = behind_the_pixels(data) if kind == "PNG late" else data
    plain = Image.fromarray(colours)
    plain.getexif()[0x0112] = turn
    expected = np.asarray(ImageOps.exif_transpose(plain))
    header = read_header(data)
    assert (header.height, header.width) == expected.shape[:2]
    np.testing.assert_allclose(decode(data, "rgb").transpose(1, 2, 0), expected, atol=6)


@pytest.mark.parametrize("damaged", [b"", b"Exif\0\0", b"\0" * 20])
def test_a_damaged_tag_of_a_png_turns_nothing(damaged):
    png = with_tag(SIDEWAYS, "PNG", 6)
    start = png.index(b"eXIf") - 4
    length = int.from_bytes(png[start : start + 4], "big")
    import zlib

    chunk = len(damaged).to_bytes(4, "big") + b"eXIf" + damaged + zlib.crc32(b"eXIf" + damaged).to_bytes(4, "big")
    data = png[:start] + chunk + png[start + 12 + length :]
    assert read_header(data)[:2] == (4, 6)
    assert decode(data, "grey").shape == (1, 4, 6)


def test_a_mask_is_turned_like_its_image():
    data = with_tag(SIDEWAYS, "PNG", 6)
    assert mask_size(data, 10**6) == (6, 4)
    assert np.array_equal(decode_mask(data), np.rot90(SIDEWAYS, -1))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("white", [65_535, 4_095, 1_023, 300])
def test_the_white_level_becomes_255(kind, white):
    values = np.linspace(0, white, 60).astype(np.uint16).reshape(6, 10)
    pixels = decode(encoded(values, kind), "grey", white_level=white)
    assert np.array_equal(pixels[0], np.rint(values * (255 / white)).astype(np.uint8))


def test_what_is_whiter_than_white_is_refused():
    data = encoded(np.array([[0, 5000]], np.uint16), "PNG")
    with pytest.raises(BadImageError, match="holds the value 5,000"):
        decode(data, "grey", white_level=4095)


def test_depths_are_known_from_the_header():
    grey = np.arange(16, dtype=np.uint16).reshape(4, 4)
    assert read_header(encoded(grey, "PNG")).depth == "16 grey"
    assert read_header(encoded(SIDEWAYS, "PNG")).depth == "8"
    assert read_header(colours_of_16_bits()).depth == "16 colour"


def colours_of_16_bits():
    """A PNG of 2 x 2 pixels, RGB with 16 bits a channel, which Pillow reads but does not write."""
    import struct
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes(range(12)) for _ in range(2))
    header = struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.fixture
def folder(tmp_path):
    """Six images of 16 bits in two classes, whose largest value is 4,000."""
    for k in range(6):
        values = np.full((4, 4), 100 * k, np.uint16)
        values[0, 0] = 4000 if k == 3 else 7
        (tmp_path / "d" / "ab"[k % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(values).save(tmp_path / "d" / "ab"[k % 2] / f"{k}.png")
    return f"folder:{tmp_path / 'd'}"


@pytest.mark.parametrize("memory", ["hold", "stream"])
def test_the_largest_value_of_all_files_decides_a_note(folder, memory):
    notes = open_source(DataConfig(source=folder, memory=memory)).notes
    assert notes[0].startswith("16-bit images: the largest value is 4,000 of 65,535, so at most 17 of 256 grey levels")
    assert "--white-level 4095" in notes[0]
    scaled = open_source(DataConfig(source=folder, memory=memory, white_level=4095))
    assert scaled.notes[0] == "16-bit images: 4,095 is white; the largest value is 4,000"
    assert int(scaled.samples.read(torch.arange(6)).max()) == 249


@pytest.mark.parametrize("memory", ["hold", "stream"])
def test_values_above_the_white_level_are_refused_by_file(folder, memory):
    with pytest.raises(DataError, match=r"3\.png: holds the value 4,000, expected at most 1,023"):
        open_source(DataConfig(source=folder, memory=memory, white_level=1023))


def test_colours_of_16_bits_are_noted_and_refused_beside_a_white_level(tmp_path):
    for name in ("a/1.png", "b/2.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(colours_of_16_bits())
    assert "of which the upper 8 are read: 2" in open_source(DataConfig(source=f"folder:{tmp_path}")).notes[0]
    with pytest.raises(DataError, match="16 bits a channel in colours"):
        open_source(DataConfig(source=f"folder:{tmp_path}", white_level=4095))
