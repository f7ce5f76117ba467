"""Which folders are parts: by their names, and only where they hold what a part holds."""

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from softlabel.data.config import DataConfig
from softlabel.data.reading.open_source import open_source
from softlabel.data.reading.split_folders import layout_of
from softlabel.data.reading.split_names import part_named, reading_notes, told_twice
from softlabel.data.reading.table_draft import split_of
from softlabel.data.refusals import Refusals
from softlabel.data.source import TEST, TRAIN, VALIDATION
from softlabel.errors import DataError


def tree(root, *names):
    """Images at these places; a name that ends in / is an empty folder."""
    for name in names:
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((2, 2), np.uint8)).save(path) if path.suffix == ".png" else path.write_text("x")
    return str(root)


BOTH = ("train/cat/1.png", "train/dog/2.png", "test/cat/3.png", "test/dog/4.png")


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("train", "Training", " TRAIN "), TRAIN),
        (("val", "Valid", "validation", "dev", "eval", "Evaluation"), VALIDATION),
        (("test", "TESTING"), TEST),
        (("unlabelled", "models", "train2", "", "trainer", "tests"), None),
    ],
)
def test_the_vocabulary(words, part):
    assert {part_named(word) for word in words} == {part}


def test_two_names_of_one_part_are_told_with_the_part():
    assert told_twice(["train", "test"], "folders") is None
    assert "'dev' and 'val' both mean validation" in told_twice(["dev", "train", "val"], "folders")
    assert reading_notes(["train", "Eval"]) == ["'Eval' is read as the validation part"]


@pytest.mark.parametrize(
    "more", ["unlabelled/1.png", "models/a.bin", "raw/cat/1.png", "logs/", "a/b/c/1.png", "cat/9.png"]
)
def test_folders_beside_parts_are_named_and_left_out(tmp_path, more):
    layout = layout_of(tree(tmp_path, *BOTH, more))
    assert layout.parts == {"test": TEST, "train": TRAIN}
    assert layout.notes == [f"folders beside 'test', 'train', left out: {more.split('/')[0]!r}"]


@pytest.mark.parametrize("more", ["eval/scores.json", "eval/", "Eval/1.png", "dev/notes.txt", "validation/a/b.txt"])
def test_a_part_without_class_folders_is_warned_of(tmp_path, more):
    layout = layout_of(tree(tmp_path, *BOTH, more))
    assert layout.parts == {"test": TEST, "train": TRAIN}
    assert more.split("/")[0] in layout.warnings[0]


def test_eval_with_classes_is_the_validation_part_and_said_to_be(tmp_path):
    layout = layout_of(tree(tmp_path, *BOTH, "eval/cat/1.png"))
    assert layout.parts == {"eval": VALIDATION, "test": TEST, "train": TRAIN}
    assert layout.notes == ["'eval' is read as the validation part"]


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ((*BOTH, "val/cat/1.png", "dev/cat/1.png"), "'dev' and 'val' both mean validation"),
        ((*BOTH, "val/cat/1.png", "eval/cat/1.png"), "'eval' and 'val' both mean validation"),
        ((*BOTH, "Train/cat/1.png"), "both mean train"),
        ((*BOTH, "val/"), "the split folder 'val' holds no images in class folders"),
        ((*BOTH, "dev/1.png"), "the split folder 'dev' holds no images in class folders"),
        (("test/cat/1.png", "test/dog/1.png"), "no folder 'train' does"),
        (("cat/1.png", "dog/1.png", "val/cat/1.png"), "'val' holds images in class folders, but no folder 'train'"),
        (("dataset/train/cat/1.png", "dataset/test/cat/1.png", "models/a.bin"), "give folder:"),
        (("cat/train/1.png", "cat/test/1.png", "dog/train/1.png"), "expected a class; give"),
        (("test/1.png", "val/2.png", "train/3.png"), "'train', 'test', 'val' would be classes, and are named as parts"),
        (("training/1.png", "testing/2.png"), "would be classes"),
        (("seg_train/cat/1.png", "seg_test/cat/2.png", "seg_pred/3.png"), "'seg_train', 'seg_test' would be classes"),
        (("train_images/cat/1.png", "test_images/cat/2.png", "raw/3.png"), "would be classes"),
        (("training_set/cat/1.png", "test_set/cat/2.png"), "would be classes"),
        (("train2017/cat/1.png", "val2017/cat/2.png"), "would be classes"),
        (("TrainSet/cat/1.png", "TestSet/cat/2.png"), "would be classes"),
        (("trainA/1.png", "testA/1.png", "trainB/1.png", "testB/1.png"), "would be classes"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(tmp_path, names, reason):
    with pytest.raises(DataError, match=reason):
        layout_of(tree(tmp_path, *names))


@pytest.mark.parametrize(
    "names",
    [
        ("train/1.png", "bus/2.png", "car/3.png"),
        ("cat/1.png", "dog/2.png"),
        ("test/1.png", "exam/2.png", "train/3.png"),
        ("train_station/1.png", "test_tube/2.png", "cat/3.png"),
        ("bullet_train/red/1.png", "test_tube/glass/2.png", "cat/3.png"),
        ("trainer/a/1.png", "tester/a/2.png"),
        ("cat/test/1.png", "cat/2.png", "dog/3.png"),
        ("train/.hidden/1.png", "train/1.png", "bus/__MACOSX/2.png", "bus/2.png"),
    ],
)
def test_classes_may_be_named_like_parts(tmp_path, names):
    assert layout_of(tree(tmp_path, *names)).parts == {}


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("trn/cat/1.png", "trn/dog/1.png", "tst/cat/1.png", "tst/dog/1.png"), ["'trn', 'tst', not", "('cat', 'dog')"]),
        (("trn/cat/1.png", "trn/dog/1.png", "tst/cat/1.png"), []),
        (("cat/1.png", "dog/1.png"), []),
        (("cat/a/1.png", "dog/a/1.png"), []),
    ],
)
def test_classes_that_hold_the_same_folders_are_warned_of(tmp_path, names, told):
    (warning,) = layout_of(tree(tmp_path, *names)).warnings or [""]
    assert bool(warning) == bool(told)
    assert all(words in warning for words in told)


def test_hidden_folders_and_parts_in_any_case(tmp_path):
    layout = layout_of(tree(tmp_path, "TRAINING/cat/1.png", "Testing/dog/2.png", ".git/x.png", "__MACOSX/train/1.png"))
    assert layout.parts == {"TRAINING": TRAIN, "Testing": TEST}
    assert layout.notes == layout.warnings == []


def test_a_column_of_parts_says_which_words_it_takes_as_one():
    words = ["train", "Training ", "DEV", "eval", "testing", "val"]
    refusals = Refusals("t.csv", len(words), lambda position: ("t.csv", position + 1))
    split, notes = split_of(pa.chunked_array([words]), "s", refusals)
    assert split.tolist() == [TRAIN, TRAIN, VALIDATION, VALIDATION, TEST, VALIDATION]
    assert notes == [
        "column 's': 'train', 'training' are all read as train",
        "column 's': 'dev', 'eval', 'val' are all read as validation",
        "'eval' is read as the validation part",
    ]


def test_eval_of_a_folder_on_the_hub_is_asked_about(tmp_path):
    source = f"hub:{tree(tmp_path, 'train/cat/1.png', 'train/dog/2.png', 'eval/cat/3.png')}"
    with pytest.raises(DataError, match="'eval' would be the test part here, and the validation part elsewhere"):
        open_source(DataConfig(source=source))


def test_lists_take_the_same_words(tmp_path):
    tree(tmp_path, *(f"i/{k}.png" for k in range(6)))
    for name, rows in (("Training", (0, 1)), ("dev", (2, 3)), ("TESTING", (4, 5))):
        (tmp_path / f"X_{name}.txt").write_text("".join(f"i/{k}.png {k % 2}\n" for k in rows))
    split = open_source(DataConfig(source=f"lists:{tmp_path}")).split
    assert split.tolist() == [TRAIN, TRAIN, VALIDATION, VALIDATION, TEST, TEST]
    (tmp_path / "X_val.txt").write_text("i/2.png 0\n")
    with pytest.raises(DataError, match="'dev' and 'val' both mean validation"):
        open_source(DataConfig(source=f"lists:{tmp_path}"))
