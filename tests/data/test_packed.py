"""Packed benchmark images: made files of the digits, and the real ones where SOFTLABEL_DATA names their folder."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from softlabel.data.annotation import LABEL, MASK, VALUE, VOTES
from softlabel.data.config import DataConfig
from softlabel.data.reading.open_source import open_source
from softlabel.data.splitting.long_tail import long_tail_rows
from softlabel.data.splitting.splits import make_splits
from softlabel.errors import ConfigError, DataError

REAL = os.environ.get("SOFTLABEL_DATA") or None
needs_data = pytest.mark.skipif(REAL is None, reason="SOFTLABEL_DATA does not name the folder of the real data")
NAMES = np.array([f"digit {k}" for k in range(10)])
FACES = np.array([*(f"emotion {k}" for k in range(8)), "unknown", "NF"])


def packed(pixels, strip=7, **arrays):
    """The arrays of a packed file: strips of images as lossless WebP, one below the other."""
    items = []
    for start in range(0, len(pixels), strip):
        buffer = io.BytesIO()
        stacked = np.concatenate(pixels[start : start + strip])
        Image.fromarray(stacked).save(buffer, "WEBP", lossless=True, exact=True)
        items.append(np.frombuffer(buffer.getvalue(), np.uint8))
    return {
        "buf": np.concatenate(items),
        "off": np.cumsum([0] + [len(item) for item in items]),
        "strip": np.array(strip),
        "shape": np.array(pixels.shape),
        "pixel_sha256": np.array(hashlib.sha256(pixels.tobytes()).hexdigest()),
        **arrays,
    }


@pytest.fixture
def files(tmp_path, digits):
    """Writes made_train (80 rows) and made_test (20 rows), or what takes their place; returns the folder."""
    made = {
        "made_train": packed(digits.pixels[:80], labels=digits.labels[:80].astype(np.uint8), class_names=NAMES),
        "made_test": packed(digits.pixels[80:100], labels=digits.labels[80:100].astype(np.uint8), class_names=NAMES),
    }

    def write(**changed):
        for name, arrays in (made | changed).items():
            np.savez(tmp_path / f"{name}.npz", **arrays)
        return tmp_path

    write.train, write.test = made["made_train"], made["made_test"]
    return write


def opened(folder, names="made_train,made_test", **options):
    return open_source(DataConfig(source=f"packed:{folder}/{names}", **options))


def refusal(folder, names="made_train,made_test"):
    with pytest.raises(DataError) as error:
        opened(folder, names)
    return str(error.value)


def test_two_files_are_training_and_test_part(files, digits):
    source = opened(files())
    assert source.description == "100 images, 8 x 8 grey, 10 classes"
    assert source.class_names == NAMES.tolist()
    assert np.array_equal(source.samples.read(torch.arange(100))[:, 0].numpy(), digits.pixels[:100])
    assert source.samples.annotation.tolist() == digits.labels[:100].tolist()
    assert torch.bincount(source.split.long()).tolist() == [80, 0, 20]
    assert source.place_of(81) == "made_test.npz, row 2"


def test_one_file_has_no_parts_and_a_valid_file_is_for_validation(files):
    folder = files(made_valid=files.test)
    assert opened(folder, "made_test").split is None
    assert torch.bincount(opened(folder, "made_train,made_valid,made_test").split.long()).tolist() == [80, 20, 20]


def test_colour_images(files, digits):
    coloured = np.stack([digits.pixels[:80], 255 - digits.pixels[:80], digits.pixels[40:120]], -1)
    folder = files(made_train=packed(coloured, 100, labels=digits.labels[:80], class_names=NAMES))
    source = opened(folder, "made_train")
    assert source.samples.input_shape == (3, 8, 8)
    assert np.array_equal(source.samples.read(torch.arange(80)).numpy(), coloured.transpose(0, 3, 1, 2))


def test_votes_without_a_class_are_not_counted(files, digits):
    votes = digits.votes.astype(np.uint8)
    votes[:, :8] += 1
    votes[:, 8:] = 0
    votes[5] = [1, 0, 0, 0, 0, 0, 0, 0, 9, 0]  # most voters do not know
    votes[7] = [2, 0, 0, 0, 0, 0, 0, 0, 0, 8]  # no face
    votes[9] = [5, 0, 0, 0, 0, 0, 0, 0, 5, 0]  # a tie counts for the class
    source = opened(files(made_train=packed(digits.pixels[:80], votes=votes[:80], columns=FACES)), "made_train")
    assert source.annotation_kind is VOTES
    assert source.class_names == FACES[:8].tolist()
    kept = [row for row in range(80) if row not in (5, 7)]
    assert np.array_equal(source.samples.annotation.numpy(), votes[kept, :8])
    assert source.place_of(6) == "made_train.npz, row 9"
    assert source.notes[0] == "made_train.npz: rows left out, because most votes are for 'unknown', 'NF': 2"


def test_ages_are_values_and_need_no_checksum(files, digits):
    arrays = {key: value for key, value in files.train.items() if key not in ("labels", "class_names", "pixel_sha256")}
    source = opened(files(faces=arrays | {"age": np.arange(80, dtype=np.int16)}), "faces")
    assert source.annotation_kind is VALUE
    assert source.class_names == []
    assert source.samples.annotation[:, 0].tolist() == list(range(80))
    assert source.samples.annotation[:, 1].isnan().all()


def masked(arrays, masks):
    """The arrays with a PNG mask for every image, of the classes paper, ink and void."""
    items = []
    for mask in masks:
        buffer = io.BytesIO()
        Image.fromarray(mask).save(buffer, "PNG")
        items.append(np.frombuffer(buffer.getvalue(), np.uint8))
    names = np.array(["paper", "ink", "Unlabelled"])
    off = np.cumsum([0] + [len(item) for item in items])
    return arrays | {"mask_buf": np.concatenate(items), "mask_off": off, "class_names": names}


def test_masks_whose_last_class_is_void(files, digits):
    masks = (digits.pixels[:100] // 100).clip(max=2).astype(np.uint8)
    folder = files(
        scene_train=masked(files.train, masks[:80]),
        scene_test=masked(files.test, masks[80:]),
        odd_train=masked(files.train, masks[:80, :7].copy()),
        few_train=masked(files.train, masks[:79]),
        wild_train=masked(files.train, masks[:80] + 1),
    )
    source = opened(folder, "scene_train,scene_test")
    assert source.annotation_kind is MASK
    assert source.class_names == ["paper", "ink"]
    assert np.array_equal(source.samples.annotation.numpy(), np.where(masks == 2, 255, masks))
    assert refusal(folder, "odd_train").endswith("row 1: the mask has 7 x 8 pixels, expected 8 x 8 like the image")
    assert refusal(folder, "few_train") == "few_train.npz: 79 masks, expected 80 like the images"
    assert "wild_train.npz, row 1: the mask holds 3 at row 1" in refusal(folder, "wild_train")
    assert "made_test.npz: classes" in refusal(folder, "scene_train,made_test")


def test_255_in_packed_masks_that_may_be_a_class_is_asked_about(files, digits):
    void, classes = digits.pixels[:80] > 100, np.arange(64).reshape(8, 8) % 3
    folder = files(
        two_train=masked(files.train, np.where(void, 255, 0).astype(np.uint8)),
        gap_train=masked(files.train, np.where(void, 255, classes // 2 * 2).astype(np.uint8)),
        all_train=masked(files.train, np.where(void, 255, classes).astype(np.uint8)),
    )
    assert "255 in a mask means void" in refusal(folder, "two_train")
    assert "no pixel is of 'ink'; expected class indices" in refusal(folder, "gap_train")
    assert opened(folder, "gap_train", accept_void=True).class_names == ["paper", "ink"]
    assert opened(folder, "all_train").class_names == ["paper", "ink"]


def test_labels_of_another_file_go_by_index_range_or_order(files, digits):
    human = np.roll(digits.labels, 1)
    index = np.arange(110, 30, -1)
    folder = files(
        human={"worse_label": human, "short": human[:50]},
        some_train=packed(digits.pixels[:80], train_index=index, class_names=NAMES, labels=digits.labels[:80]),
        made_train_00020_00099=packed(digits.pixels[20:100], class_names=NAMES),
        votes={"counts": digits.votes[80:100], "class_names": NAMES, "labels": digits.labels[80:100]},
    )
    for names, expected in (
        ("some_train+human:worse_label", human[index]),
        ("made_train_00020_00099+human:worse_label", human[20:100]),
        ("made_train+human:worse_label", human[:80]),
        ("made_test+votes", digits.votes[80:100]),
    ):
        assert np.array_equal(opened(folder, names).samples.annotation.numpy(), expected)
    assert "human.npz: 50 rows, expected one for row 80 of the images" in refusal(folder, "made_train+human:short")
    assert "human.npz: no array 'worse'; " in refusal(folder, "made_train+human:worse")


def test_labels_of_other_images_are_refused(files, digits):
    labels = digits.labels[80:100].copy()
    labels[3] += 1
    folder = files(votes={"counts": digits.votes[80:100], "class_names": NAMES, "labels": labels})
    expected = f"votes.npz, row 4: label {labels[3]}, expected {labels[3] - 1} as in made_test.npz"
    assert refusal(folder, "made_test+votes") == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: {"pixel_sha256": np.array("0" * 64)}, "made_train.npz: the pixels differ from their checksum"),
        (lambda a: {"buf": a["buf"][:-9]}, "made_train.npz: offsets of 12 items, expected 12 that fill 'buf'"),
        (lambda a: {"off": a["off"][1:]}, "made_train.npz: offsets of 11 items, expected 12"),
        (lambda a: {"buf": a["buf"] * 0}, "made_train.npz, row 1: is not an image that can be read"),
        (lambda a: {"shape": np.array([80, 8, 8, 2])}, "made_train.npz: shape (80, 8, 8, 2) in strips of 7"),
        (lambda a: {"shape": np.array([80, 8, 7])}, "made_train.npz, row 1: 56 x 8 pixels, expected 56 x 7"),
        (lambda a: {"labels": a["labels"][:-1]}, "made_train.npz: labels has the shape (79,), expected 80 rows"),
        (lambda a: {"labels": a["labels"] + 7}, "made_train.npz, row 4, column 'labels': 10, expected a class index"),
        (lambda a: {"class_names": NAMES[::-1]}, "made_test.npz: classes 'digit 0', 'digit 1', 'digit 2' and 7 more"),
        (lambda a: {"votes": np.ones((80, 10))}, "made_test.npz: a label a row, expected votes as in made_train.npz"),
    ],
)
def test_damaged_files_are_refused(files, change, message):
    assert message in refusal(files(made_train=files.train | change(files.train)))


def test_files_that_are_no_packed_files(files):
    folder = files(labels_train={"labels": np.zeros(3)})
    assert "labels_train.npz: no array 'buf', 'off'" in refusal(folder, "labels_train")
    assert "none.npz: does not exist" in refusal(folder, "none")
    whole = (folder / "made_test.npz").read_bytes()
    for damaged in (b"", whole[:-30], b"PK" + whole[100:], whole[:400] + bytes(99) + whole[499:]):
        (folder / "made_test.npz").write_bytes(damaged)
        assert "made_test.npz: cannot be read as a packed file" in refusal(folder)
    for names, message in (("", "needs files"), ("made_train,human", "'human' does not say which part it is")):
        with pytest.raises(ConfigError, match=message):
            opened(folder, names)


@pytest.mark.slow
@needs_data
@pytest.mark.parametrize(
    ("names", "kind", "parts", "classes"),
    [
        ("cifar10_lt_if100_train,cifar10_test", LABEL, [12406, 0, 10000], 10),
        ("cifar100_lt_if100_train,cifar100_test", LABEL, [10847, 0, 10000], 100),
        ("ferplus_train_00000_14278,ferplus_valid,ferplus_test", VOTES, [14211, 3553, 3545], 8),
    ],
)
def test_the_real_benchmarks(names, kind, parts, classes):
    source = opened(REAL, names)
    assert source.annotation_kind is kind
    assert torch.bincount(source.split.long()).tolist() == parts
    assert len(source.class_names) == classes


@pytest.mark.slow
@needs_data
def test_the_real_ages():
    source = opened(REAL, "utkface_subset1700")
    assert source.annotation_kind is VALUE
    assert source.description == "1,700 images, 200 x 200 rgb, values from 1 to 100"


@needs_data
def test_the_published_long_tail_is_left_whole_by_its_own_imbalance():
    config = DataConfig(
        source=f"packed:{REAL}/cifar100_lt_if100_train,cifar100_test", imbalance=100, protocol="published"
    )
    splits = make_splits(open_source(config), config, lambda annotation: annotation.numpy())
    assert len(splits.training) == 10847


@needs_data
def test_the_imbalance_rule_gives_the_published_rows():
    with (
        np.load(Path(REAL) / "cifar_lt_indices.npz") as published,
        np.load(Path(REAL) / "cifar10n_cifar100n_train.npz") as official,
    ):
        for classes, labels in ((10, official["c10_clean_label"]), (100, official["c100_clean_label"])):
            for imbalance in (10, 20, 50, 100, 200):
                rows = long_tail_rows(labels, classes, imbalance, seed=0)
                assert np.array_equal(rows, np.sort(published[f"cifar{classes}_if{imbalance}"])), (classes, imbalance)
