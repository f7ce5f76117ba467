import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from softlabel.data.fitting import Fitting
from softlabel.data.images import BadImageError, decode, quiet_decoding, read_header

FORMATS = ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"]


def encoded(image, format_, **options):
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


@pytest.fixture
def picture():
    values = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    return Image.fromarray(values)


@pytest.mark.parametrize("format_", FORMATS)
def test_every_format_is_read_from_bytes_and_files(format_, picture, tmp_path):
    data = encoded(picture, format_, **({"lossless": True} if format_ == "WEBP" else {}))
    path = tmp_path / "picture"
    path.write_bytes(data)
    header = read_header(data)
    assert (header.height, header.width) == (20, 30)
    pixels = decode(str(path), "rgb")
    assert pixels.shape == (3, 20, 30)
    assert np.array_equal(pixels, decode(data, "rgb"))
    if format_ in ("PNG", "BMP", "TIFF", "WEBP"):
        assert np.array_equal(pixels.transpose(1, 2, 0), np.asarray(picture))


def check(data):
    read_header(data)
    decode(data, "rgb")


@pytest.mark.parametrize("format_", FORMATS)
def test_every_cut_is_noticed(format_, picture):
    data = encoded(picture, format_)
    cuts = np.unique(np.linspace(0, len(data) - 1, 50).astype(int)).tolist()
    with quiet_decoding():
        for cut in cuts:
            with pytest.raises(BadImageError):
                check(data[:cut])


def test_damage_inside_is_noticed_when_decoding():
    data = bytearray(encoded(Image.fromarray(np.arange(4096, dtype=np.uint8).reshape(64, 64)), "PNG"))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(BadImageError, match="cannot be decoded"):
        decode(bytes(data), "grey")


@pytest.mark.parametrize("data", [b"", b"no image", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", os.urandom(2000)])
def test_what_is_no_image_is_refused(data):
    with pytest.raises(BadImageError):
        read_header(data)


def test_a_bomb_is_refused_by_its_header():
    rows = zlib.compress(b"\0" * (13000 // 8 + 1), 9)  # far too few rows: only the header is ever read

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    for side in (7100, 13000, 20000):  # above our limit, Pillow's warning, Pillow's error
        header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
        data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
        with quiet_decoding(), pytest.raises(BadImageError, match="megapixels") as error:
            read_header(data)
        assert f"{side * side / 1e6:,.1f}" in error.value.problem
        assert "50 megapixels" in error.value.expected


def test_sixteen_bit_grey_keeps_full_scale():
    values = np.array([[0, 256, 257, 32768, 65534, 65535]], dtype=np.uint16)
    for format_ in ("PNG", "TIFF"):
        data = encoded(Image.fromarray(values), format_)
        assert read_header(data).grey
        assert decode(data, "grey").ravel().tolist() == np.rint(values / 257).astype(int).ravel().tolist()
        assert (decode(data, "rgb") == decode(data, "grey")).all()


def test_values_without_a_scale_are_refused():
    for values in (np.zeros((4, 4), np.float32), np.zeros((4, 4), np.int32)):
        with pytest.raises(BadImageError, match="without a stated scale"):
            read_header(encoded(Image.fromarray(values), "TIFF"))


def test_a_photo_lying_on_its_side_is_turned():
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 24), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(image, "TIFF", exif=exif)
    assert (read_header(data).height, read_header(data).width) == (24, 16)
    assert np.array_equal(decode(data, "grey")[0], np.rot90(np.asarray(image), -1))


def test_transparency_is_told_and_left_out():
    values = np.full((4, 4, 4), 200, dtype=np.uint8)
    values[..., 3] = 0
    data = encoded(Image.fromarray(values), "PNG")
    assert read_header(data).alpha
    assert (decode(data, "rgb") == 200).all()
    palette = encoded(Image.fromarray(values[..., 0]).convert("P"), "PNG", transparency=b"\x00" * 8)
    assert read_header(palette).alpha
    assert decode(palette, "rgb").shape == (3, 4, 4)


def test_one_bit_and_colour_images():
    bits = Image.fromarray(np.array([[0, 255], [255, 0]], np.uint8)).convert("1")
    assert decode(encoded(bits, "PNG"), "grey").ravel().tolist() == [0, 255, 255, 0]
    assert not read_header(encoded(Image.new("RGB", (2, 2)), "PNG")).grey


def test_resize_is_height_and_width(picture):
    assert decode(encoded(picture, "PNG"), "rgb", Fitting((5, 7))).shape == (3, 5, 7)
    assert np.array_equal(
        decode(encoded(picture, "PNG"), "rgb", Fitting((20, 30))), decode(encoded(picture, "PNG"), "rgb")
    )
