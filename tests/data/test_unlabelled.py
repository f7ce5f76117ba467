import os
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import torch
from PIL import Image

from softlabel.data.reading.unlabelled import Expected, read_inputs
from softlabel.data.refusals import RefusedRowsError
from softlabel.errors import ConfigError, DataError, UnsupportedError
from tests.data.conftest import ROWS

GREY = Expected("image", (1, 8, 8))


def everything(inputs):
    return inputs.samples.read(torch.arange(len(inputs.samples)))


def test_one_image(folder, digits):
    path = str(folder / "4" / "004.png")
    inputs = read_inputs(path, GREY)
    assert inputs.names == [path]
    assert np.array_equal(everything(inputs)[0, 0].numpy(), digits.pixels[4])
    assert inputs.samples.annotation.tolist() == [-100]


@pytest.mark.parametrize("memory", ["hold", "stream"])
def test_a_folder_of_images_at_any_depth(folder, digits, memory):
    (folder / "notes.txt").write_text("x")
    inputs = read_inputs(str(folder), Expected("image", (1, 8, 8), memory=memory))
    assert inputs.names == sorted(f"{digits.labels[i]}/{i:03d}.png" for i in range(ROWS))
    rows = [int(name[2:5]) for name in inputs.names]
    assert np.array_equal(everything(inputs)[:, 0].numpy(), digits.pixels[rows])
    assert any("'notes.txt'" in note for note in inputs.notes)


def test_colours_are_converted_only_where_the_network_demands_it(tmp_path):
    Image.new("RGB", (8, 8), (10, 200, 30)).save(tmp_path / "a.png")
    grey = everything(read_inputs(str(tmp_path / "a.png"), GREY))
    assert grey.shape == (1, 1, 8, 8)
    rgb = everything(read_inputs(str(tmp_path / "a.png"), Expected("image", (3, 8, 8))))
    assert rgb[0, :, 0, 0].tolist() == [10, 200, 30]


def test_bad_images_are_refused_or_skipped(folder):
    Image.new("L", (9, 7)).save(folder / "odd.png")
    (folder / "bad.png").write_bytes(b"x")
    with pytest.raises(RefusedRowsError) as error:
        read_inputs(str(folder), GREY)
    text = str(error.value)
    assert "odd.png: has 7 x 9 pixels (height x width), expected 8 x 8 as the network was trained on (or pass" in text
    assert "bad.png: is not an image that can be read" in text
    inputs = read_inputs(str(folder), Expected("image", (1, 8, 8), skip_bad=True))
    assert len(inputs.names) == ROWS == len(inputs.samples)
    assert len(inputs.refused) == 2
    resized = read_inputs(str(folder), Expected("image", (1, 8, 8), skip_bad=True, fit="crop"))
    assert "odd.png" in resized.names
    with pytest.raises(RefusedRowsError, match=r"bad\.png: is not an image") as error:
        read_inputs(str(folder / "bad.png"), GREY)
    assert "\n" not in str(error.value)


def test_tables(faces, digits, write):
    path = faces.save(faces.rows)
    inputs = read_inputs(str(path), Expected("image", (1, 8, 8), image_column="path"))
    assert inputs.names == [row[0] for row in faces.rows]
    assert np.array_equal(everything(inputs)[:, 0].numpy(), digits.pixels)
    features = write("f.csv", ["b", "a"], [[i, i / 2] for i in range(5)])
    inputs = read_inputs(str(features), Expected("features", (2,), feature_columns=["a", "b"]))
    assert inputs.names == [f"row {i}" for i in range(1, 6)]
    assert everything(inputs).tolist() == [[i / 2, i] for i in range(5)]
    pa.parquet.write_table(pa.table({"a": [1.0, 2.0], "b": [3, 4]}), features.parent / "f.parquet")
    inputs = read_inputs(str(features.parent / "f.parquet"), Expected("features", (2,), feature_columns=["a", "b"]))
    assert everything(inputs).tolist() == [[1, 3], [2, 4]]


def test_the_folder_of_image_paths_is_told_where_it_was_given(faces):
    path = faces.save(faces.rows)
    root = os.path.realpath(path.parent)
    given = Expected("image", (1, 8, 8), image_column="path", image_root=str(path.parent))
    assert f"image paths start from {root}" in read_inputs(str(path), given).notes
    assert not any(root in note for note in read_inputs(str(path), replace(given, image_root=None)).notes)
    content = pa.table({"path": [(path.parent / row[0]).read_bytes() for row in faces.rows]})
    assert not any(root in note for note in read_inputs(content, given).notes)


def test_tables_that_do_not_fit(faces, write):
    path = str(write("f.csv", ["a", "b"], [[1, "x"], [2, 3]]))
    with pytest.raises(ConfigError, match="--feature-columns"):
        read_inputs(path, Expected("features", (2,)))
    with pytest.raises(ConfigError, match="--image-column"):
        read_inputs(path, GREY)
    with pytest.raises(DataError, match="2 feature columns, expected 3 as in training"):
        read_inputs(path, Expected("features", (3,), feature_columns=["a", "b"]))
    with pytest.raises(DataError, match="row 1, column 'b': 'x', expected a finite number"):
        read_inputs(path, Expected("features", (2,), feature_columns=["a", "b"]))
    skipped = read_inputs(path, Expected("features", (2,), feature_columns=["a", "b"], skip_bad=True))
    assert skipped.names == ["row 2"]


def test_what_does_not_fit_the_network(folder, tmp_path):
    with pytest.raises(UnsupportedError, match="rows of 64 features"):
        read_inputs(str(folder), Expected("features", (64,)))
    with pytest.raises(DataError, match="does not exist"):
        read_inputs(str(tmp_path / "none"), GREY)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no images in the folder"):
        read_inputs(str(tmp_path / "empty"), GREY)
