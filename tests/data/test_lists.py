"""Published split lists, on a small made tree in the layout of ImageNet-LT and iNaturalist."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch
from PIL import Image

from softlabel.data.config import DataConfig
from softlabel.data.reading.open_source import open_source
from softlabel.data.refusals import RefusedRowsError
from softlabel.errors import ConfigError, DataError

PARTS = (("train", range(60)), ("val", range(60, 80)), ("test", range(80, 100)))


@pytest.fixture
def tree(tmp_path, digits):
    """ROOT/train/n0003/n0003_17.JPEG and so on, with Made_LT_train.txt, Made_LT_val.txt and Made_LT_test.txt."""
    root = tmp_path / "imagenet"
    for part, rows in PARTS:
        lines = []
        for i in rows:
            label = int(digits.labels[i])
            name = f"{part}/n{label:04d}/n{label:04d}_{i}.JPEG"
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(digits.pixels[i]).save(root / name, "PNG")
            lines.append(f"{name} {label}")
        (root / f"Made_LT_{part}.txt").write_text("\n".join(lines) + "\n")
    return root


def opened(root, *more, **options):
    return open_source(DataConfig(source=",".join([f"lists:{root}", *more]), **options))


def refusal(root, *more):
    with pytest.raises(DataError) as error:
        opened(root, *more)
    return str(error.value)


def edit(path, line, text):
    lines = path.read_text().split("\n")
    lines[line - 1] = text
    path.write_text("\n".join(lines))


def test_images_labels_and_parts_are_those_of_the_lists(tree, digits):
    source = opened(tree)
    assert source.name == "Made_LT"
    assert source.class_names == [str(k) for k in range(10)]
    assert source.samples.annotation.tolist() == digits.labels[:100].tolist()
    assert np.array_equal(source.samples.read(torch.arange(100))[:, 0].numpy(), digits.pixels[:100])
    assert source.split is not None
    assert torch.bincount(source.split.long()).tolist() == [60, 20, 20]
    assert source.place_of(61) == "Made_LT_val.txt, line 2"


def test_class_names_stand_in_the_order_of_the_labels(tree, digits):
    names = [f"digit {k}" for k in range(9, -1, -1)]
    (tree / "Made_LT_classes.txt").write_text("\n".join(names))
    source = opened(tree)
    assert source.class_names == names
    assert source.samples.annotation.tolist() == digits.labels[:100].tolist()


def test_lists_may_lie_elsewhere_and_go_by_a_prefix(tree, tmp_path):
    lists = tmp_path / "lists"
    lists.mkdir()
    for part, _ in PARTS:
        os.rename(tree / f"Made_LT_{part}.txt", lists / f"Made_LT_{part}.txt")
    assert len(opened(tree, str(lists / "Made_LT")).samples) == 100
    assert "training lists: none" in refusal(tree)


def test_two_training_lists_need_a_prefix(tree):
    (tree / "Other_train.txt").write_text((tree / "Made_LT_train.txt").read_text())
    assert "'Made_LT_train.txt', 'Other_train.txt'; expected one NAME_train.txt" in refusal(tree)
    assert len(opened(tree, "Made_LT").samples) == 100


def test_without_a_test_list_the_validation_list_is_the_test_part(tree):
    (tree / "Made_LT_test.txt").unlink()
    source = opened(tree)
    assert source.split is not None
    assert torch.bincount(source.split.long()).tolist() == [60, 0, 20]
    assert "no test list: the validation list is the test part" in source.notes


def test_windows_lines_marks_tabs_and_names_with_spaces(tree, digits):
    name = f"train/n{digits.labels[0]:04d}/a b.JPEG"
    Image.fromarray(digits.pixels[0]).save(tree / name, "PNG")
    path = tree / "Made_LT_train.txt"
    edit(path, 1, f"{name}\t{digits.labels[0]}")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n") + b"\r\n")
    assert opened(tree).samples.annotation.tolist() == digits.labels[:100].tolist()


@pytest.mark.parametrize(
    ("part", "line", "message"),
    [
        ("train/n0001/none.JPEG 1", 3, "Made_LT_train.txt, line 3: 'train/n0001/none.JPEG' does not exist, expected"),
        ("{first} one", 4, "Made_LT_train.txt, line 4: label 'one', expected a class index from 0"),
        ("{first} -1", 4, "Made_LT_train.txt, line 4: label '-1', expected a class index from 0"),
        ("alone", 5, "Made_LT_train.txt, line 5: 'alone', expected 'relative/path.jpg LABEL'"),
        ("{first} 0", 6, "stands in Made_LT_train.txt, line 1 too, expected each image once"),
        ("../outside.png 1", 7, "Made_LT_train.txt, line 7: '../outside.png' leads outside the folder, expected"),
        ("/etc/hosts 1", 7, "Made_LT_train.txt, line 7: '/etc/hosts' leads outside the folder, expected"),
        ("train 1", 8, "Made_LT_train.txt, line 8: 'train' is a folder, expected an image file"),
        ("a\0b 1", 8, "Made_LT_train.txt, line 8: 'a\\x00b' cannot be opened"),
    ],
)
def test_refusals_name_list_and_line(tree, part, line, message):
    path = tree / "Made_LT_train.txt"
    (tree.parent / "outside.png").write_bytes(b"")
    first = path.read_text().split("\n")[0].split(" ")[0]
    edit(path, line, part.format(first=first))
    assert message in refusal(tree)


def test_an_image_of_two_lists_is_refused_in_the_second(tree):
    first = (tree / "Made_LT_train.txt").read_text().split("\n")[1]
    edit(tree / "Made_LT_test.txt", 9, "./" + first)
    text = refusal(tree)
    assert "Made_LT_test.txt, line 9: './train/" in text
    assert "stands in Made_LT_train.txt, line 2 too" in text


def test_a_link_that_leads_outside_is_refused(tree):
    outside = tree.parent / "secret.png"
    Image.new("L", (8, 8)).save(outside)
    os.symlink(outside, tree / "link.png")
    edit(tree / "Made_LT_train.txt", 2, "link.png 1")
    assert "line 2: 'link.png' is a link that leads outside the folder" in refusal(tree)


def test_labels_beyond_the_names_or_the_training_list(tree):
    edit(tree / "Made_LT_test.txt", 2, (tree / "Made_LT_test.txt").read_text().split("\n")[1].split(" ")[0] + " 17")
    assert "Made_LT_test.txt, line 2: unknown label '17', expected one of the classes of the training" in refusal(tree)
    (tree / "Made_LT_classes.txt").write_text("\n".join("abcdefghij"))
    assert "Made_LT_test.txt, line 2: label '17', expected a class index from 0 to 9" in refusal(tree)
    (tree / "Made_LT_classes.txt").write_text("a\nb\na\n")
    assert "Made_LT_classes.txt, line 3: class 'a' stands in line 1 too" in refusal(tree)


def test_bad_lines_can_be_left_out(tree):
    edit(tree / "Made_LT_train.txt", 3, "none.png 1")
    with pytest.raises(RefusedRowsError):
        opened(tree)
    source = opened(tree, skip_bad=True)
    assert len(source.samples) == 99
    assert [str(refused).split(":")[0] for refused in source.refused] == ["Made_LT_train.txt, line 3"]


def test_lists_that_cannot_be_read(tree):
    with pytest.raises(ConfigError, match="needs a folder"):
        open_source(DataConfig(source="lists:"))
    assert "is not a folder" in refusal(tree / "none")
    assert "None_train.txt: does not exist" in refusal(tree, "None")
    (tree / "Made_LT_val.txt").write_text("\n")
    assert "Made_LT_val.txt: is empty" in refusal(tree)
    (tree / "Made_LT_train.txt").write_bytes(b"a 1\n\xff 2\n")
    assert "Made_LT_train.txt, line 2: is not UTF-8" in refusal(tree)
