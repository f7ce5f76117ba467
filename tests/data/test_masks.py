"""Images with masks: folders, packed files, what is refused, and CamVid where SOFTLABEL_DATA names its folder."""

from __future__ import annotations

import os
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from softlabel.data.annotation import MASK
from softlabel.data.config import DataConfig
from softlabel.data.masks import decode_mask
from softlabel.data.reading.open_source import open_source
from softlabel.data.splitting.splits import make_splits
from softlabel.errors import ConfigError, DataError

REAL = os.environ.get("SOFTLABEL_DATA") or None
needs_data = pytest.mark.skipif(REAL is None, reason="SOFTLABEL_DATA does not name the folder of the real data")


def mask_of(pixels):
    """Paper 0, ink 1, and a void pixel in the corner."""
    mask = (pixels > 100).astype(np.uint8)
    mask[0, 0] = 255
    return mask


def save(folder, digits, rows, suffix=".png"):
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    for i in rows:
        Image.fromarray(digits.pixels[i]).save(folder / "images" / f"{i:02d}{suffix}")
        Image.fromarray(mask_of(digits.pixels[i])).save(folder / "masks" / f"{i:02d}.png")
    return folder


@pytest.fixture
def street(tmp_path, digits):
    return save(tmp_path / "street", digits, range(12))


def opened(folder, **options):
    return open_source(DataConfig(source=f"masks:{folder}", **options))


def refusal(folder, **options):
    with pytest.raises(DataError) as error:
        opened(folder, **options)
    return str(error.value)


def test_images_and_their_masks(street, digits):
    source = opened(street)
    annotation = source.samples.annotation
    assert source.annotation_kind is MASK
    assert source.description == "12 images, 8 x 8 grey, 2 classes of pixels"
    assert source.class_names == ["0", "1"]
    assert annotation.dtype == torch.uint8
    assert np.array_equal(annotation.numpy(), [mask_of(pixels) for pixels in digits.pixels[:12]])
    assert np.array_equal(source.samples.read(torch.arange(12))[:, 0].numpy(), digits.pixels[:12])
    assert source.dataset[3]["mask"] == mask_of(digits.pixels[3]).tolist()
    assert source.split is None
    assert source.place_of(3) == "images/03.png"


def test_classes_are_named_by_a_file(street):
    (street / "classes.txt").write_text("paper\nink\nstain\n")
    source = opened(street, accept_void=True)
    assert source.class_names == ["paper", "ink", "stain"]
    assert source.warnings == ["no pixels in the training rows for 'stain'"]
    (street / "classes.txt").write_text("paper\n")
    text = refusal(street)
    assert "images/00.png: masks/00.png holds 1 at row 1, column 4, expected a class index from 0 to 0, or 255" in text


def write_masks(street, values):
    """Every mask of these values, in stripes."""
    for path in (street / "masks").iterdir():
        stripes = np.resize(np.repeat(np.array(values, np.uint8), 2), (8, 8))
        Image.fromarray(stripes).save(path)


@pytest.mark.parametrize(
    ("values", "classes", "reason"),
    [
        ([0, 255], None, "only 1 class has pixels of its own; expected class indices from 0 to 1"),
        ([0, 255], "paper\nink\n", "only 1 class has pixels of its own; expected class indices from 0 to 1"),
        ([255], "paper\nink\n", "only 0 class has pixels"),
        ([1, 255], None, "only 1 class has pixels of its own"),
        ([0, 2, 255], None, "no pixel is of '1'; expected class indices from 0 to 2; where 255 is meant as void"),
        ([0, 1, 255], "paper\nink\nstain\n", "no pixel is of 'stain'"),
    ],
)
def test_255_that_may_be_a_class_is_asked_about(street, values, classes, reason):
    write_masks(street, values)
    if classes:
        (street / "classes.txt").write_text(classes)
    text = refusal(street)
    assert "street: 255 in a mask means void, which counts nowhere" in text
    assert reason in text
    seen = len(set(values) - {255})
    assert opened(street, accept_void=True) if seen > 1 else reason in refusal(street, accept_void=True)


def test_void_beside_all_classes_and_a_class_without_void_are_no_question(street):
    write_masks(street, [0, 1, 255, 255])
    opened(street)
    write_masks(street, [0, 1])
    (street / "classes.txt").write_text("paper\nink\nstain\n")
    assert opened(street).warnings == ["no pixels in the training rows for 'stain'"]


def test_split_folders(tmp_path, digits):
    for name, rows in (("train", range(8)), ("val", range(8, 10)), ("test", range(10, 13))):
        save(tmp_path / "s" / name, digits, rows, ".webp")
    source = opened(tmp_path / "s")
    assert torch.bincount(source.split.long()).tolist() == [8, 2, 3]
    assert next(source.place_of(int(i)) for i in (source.split == 2).nonzero()) == "test/images/10.webp"
    (tmp_path / "s" / "training" / "images").mkdir(parents=True)
    assert "two folders for one split" in refusal(tmp_path / "s")


@pytest.mark.parametrize("form", ["palette", "4-bit palette", "two values", "2-bit grey", "4-bit grey"])
def test_masks_are_read_as_stored(tmp_path, form):
    mask = np.array([[0, 1, 2, 3], [3, 2, 1, 0]], np.uint8)
    path = tmp_path / "mask.png"
    if form.endswith("palette"):
        image = Image.fromarray(mask)
        image.putpalette([200, 10, 10, 0, 0, 0, 7, 7, 7, 255, 255, 255])
        image.save(path, **({"bits": 4} if form.startswith("4") else {}))
    elif form == "two values":
        mask = mask % 2
        Image.fromarray(mask.astype(bool)).save(path)
    else:
        path.write_bytes(grey_png(mask, int(form[0])))
    assert decode_mask(str(path)).tolist() == mask.tolist()
    assert decode_mask(path.read_bytes(), (4, 8)).tolist() == mask.repeat(2, 0).repeat(2, 1).tolist()


def test_images_and_masks_are_resized_together(street, digits):
    large = np.kron(digits.pixels[0], np.ones((2, 2), np.uint8))
    Image.fromarray(large).save(street / "images" / "00.png")
    Image.fromarray(mask_of(large)).save(street / "masks" / "00.png")
    assert "images/00.png: has 16 x 16 pixels" in refusal(street)
    source = opened(street, resize=(4, 6))
    assert source.samples.annotation.shape == (12, 4, 6)
    assert set(source.samples.annotation.unique().tolist()) <= {0, 1, 255}
    skipped = opened(street, skip_bad=True)
    assert np.array_equal(skipped.samples.annotation.numpy(), [mask_of(pixels) for pixels in digits.pixels[1:12]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.unlink(), "masks/05.png does not exist, expected a mask for this image inside"),
        (
            lambda path: Image.new("L", (8, 7)).save(path),
            "masks/05.png has 7 x 8 pixels (height x width), expected 8 x 8",
        ),
        (lambda path: Image.new("RGB", (8, 8)).save(path), "masks/05.png has colours or transparency, expected a PNG"),
        (lambda path: Image.new("LA", (8, 8)).save(path), "masks/05.png has colours or transparency, expected a PNG"),
        (lambda path: Image.new("I;16", (8, 8)).save(path), "masks/05.png is 16-bit grey, expected a PNG"),
        (lambda path: Image.new("L", (8, 8)).save(path, "JPEG"), "masks/05.png is not a PNG, expected a PNG"),
        (lambda path: path.write_bytes(b"mask"), "masks/05.png is not an image that can be read"),
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "masks/05.png is cut off before its end"),
        (lambda path: path.write_bytes(damaged(path.read_bytes())), "masks/05.png cannot be decoded"),
    ],
)
def test_a_mask_that_cannot_be_used_is_named(street, change, message):
    change(street / "masks" / "05.png")
    text = refusal(street)
    assert f"images/05.png: {message}" in text
    assert "1 of 12 rows" in text
    assert len(opened(street, skip_bad=True).samples) == 11


def test_masks_stay_inside_the_folder(street, tmp_path):
    outside = tmp_path / "secret.png"
    (street / "masks" / "05.png").rename(outside)
    (street / "masks" / "05.png").symlink_to(outside)
    assert "images/05.png: masks/05.png is a link that leads outside the folder" in refusal(street)


def test_what_stands_alone(street, tmp_path):
    (street / "images" / "11.png").unlink()
    assert opened(street).warnings == ["masks without an image: 1 ('masks/11.png')"]
    for path in (street / "images").iterdir():
        path.unlink()
    assert "no images in images/" in refusal(street)
    (street / "images").rmdir()
    assert "no folder 'images', expected images/ and masks/, or train/ with these" in refusal(street)
    assert "does not exist, expected a folder" in refusal(tmp_path / "none")
    with pytest.raises(ConfigError, match="needs a path"):
        opened("")


def test_one_class_is_nothing_to_tell_apart(street):
    for path in (street / "masks").iterdir():
        Image.new("L", (8, 8)).save(path)
    assert refusal(street) == "street: one class only ('0'), expected at least two"


@pytest.mark.parametrize("option", [{"imbalance": 2}, {"noise": 0.1}])
def test_masks_have_no_long_tail_and_no_label_noise(street, option):
    config = DataConfig(source=f"masks:{street}", **option)
    with pytest.raises(ConfigError, match=f"{next(iter(option))}: street has a class per pixel"):
        make_splits(open_source(config), config, lambda annotation: np.zeros(len(annotation)))


@needs_data
def test_the_real_street_scenes():
    names = "camvid_subset_train,camvid_subset_test"
    source = open_source(DataConfig(source=f"packed:{REAL}/{names}", resize=(90, 120)))
    assert torch.bincount(source.split.long()).tolist() == [22, 0, 10]
    assert source.class_names[:3] == ["Sky", "Building", "Pole"]
    assert len(source.class_names) == 11
    assert source.samples.annotation.shape == (32, 90, 120)
    assert sorted(source.samples.annotation.unique().tolist()) == [*range(11), 255]
    with np.load(f"{REAL}/camvid_subset_train.npz") as stored:
        counts = stored["mask_pixel_counts"]
    training = open_source(DataConfig(source=f"packed:{REAL}/camvid_subset_train")).samples.annotation
    found = torch.bincount(training.flatten().long(), minlength=256)
    assert [*found[:11].tolist(), int(found[255])] == counts.tolist()


def damaged(png):
    """A PNG whose pixels are no zlib stream any more, and whose checksum says that all is well."""
    start = png.index(b"IDAT")
    (length,) = struct.unpack(">I", png[start - 4 : start])
    data = b"\x00" * length
    return png[: start + 4] + data + struct.pack(">I", zlib.crc32(b"IDAT" + data)) + png[start + 8 + length :]


def grey_png(values, depth):
    """A grey PNG of two or four bits, which Pillow reads and cannot write."""
    per_byte = 8 // depth
    rows = b""
    for row in values:
        rows += b"\x00"
        for start in range(0, len(row), per_byte):
            byte = 0
            for value in row[start : start + per_byte]:
                byte = byte << depth | int(value)
            rows += bytes([byte])

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], depth, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
