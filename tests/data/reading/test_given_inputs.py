"""Inputs that a program holds already: tables by name, arrays by place."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

from softlabel.data.reading.unlabelled import Expected, read_inputs
from softlabel.data.refusals import RefusedRowsError
from softlabel.errors import ConfigError, DataError

NAMED = Expected("features", (2,), feature_names=("a", "b"))
VALUES = [[1.5, 2.0], [3.0, -4.0], [0.0, 6.0]]
FRAME = pd.DataFrame({"b": [2, -4, 6], "note": ["x", "y", "z"], "a": [1.5, 3.0, 0.0]})


@pytest.mark.parametrize(
    "given",
    [
        FRAME,
        FRAME.set_index("note"),
        FRAME.convert_dtypes(),
        pa.table({"b": [2, -4, 6], "a": [1.5, 3.0, 0.0]}),
        pa.record_batch({"a": pa.array([1.5, 3.0, 0.0], pa.float16()), "b": ["2", "-4", "6"]}),
        np.array(VALUES),
        np.array(VALUES, np.float16),
        np.array(VALUES)[:, ::-1][:, ::-1],
        torch.tensor(VALUES, dtype=torch.bfloat16, requires_grad=True),
        torch.tensor(VALUES).to_sparse(),
        VALUES,
        tuple(map(np.array, VALUES)),
    ],
)
def test_tables_are_matched_by_name_and_arrays_by_place(given):
    inputs = read_inputs(given, NAMED)
    assert inputs.names == ["row 1", "row 2", "row 3"]
    assert inputs.samples.read(torch.arange(3)).tolist() == VALUES
    assert inputs.samples.sample_id.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (FRAME.rename(columns={"a": "A"}), "the table: no column 'a', which the model was trained on; did you mean"),
        (FRAME.assign(a=["1", "x", "3"]), "the table, row 2, column 'a': 'x', expected a finite number"),
        (FRAME.assign(a=pd.Series([1, None, 3])), "row 2, column 'a'"),
        (FRAME.assign(a=pd.Timestamp(0)), "column 'a' holds values of type timestamp"),
        (FRAME.assign(a=[1, "x", b""]), "the table: cannot be read"),
        (pd.concat([FRAME, FRAME["a"]], axis=1), "Duplicate column names"),
        (pa.table([[1], [2], [3]], names=["a", "b", "a"]), "column 'a' occurs 2 times"),
        (np.zeros((3, 3)), r"the array: shape \(3, 3\), expected \(N, 2\), the features in the order of training"),
        (np.zeros(2), r"shape \(2,\), expected \(N, 2\)"),
        (torch.zeros(2, 2, 1), r"shape \(2, 2, 1\)"),
        ([[1, 2], [3]], "the array: rows of different lengths"),
        (np.array([["a", "b"]]), "holds values of type <U1, expected numbers"),
        (np.array([[1j, 2]]), "complex128, expected numbers"),
        (np.array([[1, 2], [3, np.nan]]), "the array, row 2, column 'column 2': nan, expected a finite number"),
        (torch.tensor([[1e38, 2]]), "the array, row 1, column 'column 1'"),
        ({"a": [1], "b": [2]}, "inputs of type dict, expected a path, a data frame, an Arrow table, or an array"),
        (None, "inputs of type NoneType"),
        (FRAME["a"], "the table: "),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_words(given, reason):
    with pytest.raises((DataError, RefusedRowsError), match=reason):
        read_inputs(given, NAMED)


def test_rows_are_skipped_where_that_is_asked_for():
    inputs = read_inputs(np.array([[1, 2], [np.inf, 3], [4, 5]]), Expected("features", (2,), skip_bad=True))
    assert inputs.names == ["row 1", "row 3"]
    assert len(inputs.refused) == 1


def test_a_frame_for_a_model_without_names_needs_them():
    with pytest.raises(ConfigError, match="must say what the features are"):
        read_inputs(FRAME, Expected("features", (2,)))
    by_pattern = read_inputs(FRAME, Expected("features", (2,), feature_columns=["a", "b"]))
    assert by_pattern.samples.read(torch.arange(3)).tolist() == VALUES


def test_images_as_an_array_or_in_a_table(folder, digits):
    grey = Expected("image", (1, 8, 8), image_column="path")
    images = read_inputs(digits.pixels[:3, None], grey)
    assert np.array_equal(images.samples.read(torch.arange(3))[:, 0].numpy(), digits.pixels[:3])
    path = folder / "4" / "004.png"
    for given in (pd.DataFrame({"path": [path.read_bytes()]}), pa.table({"path": [path.read_bytes()]})):
        assert np.array_equal(read_inputs(given, grey).samples.read(torch.tensor([0]))[0, 0].numpy(), digits.pixels[4])
    with pytest.raises(DataError, match=r"uint8 of shape \(3, 8, 8\), expected uint8 of shape \(N, 1, 8, 8\)"):
        read_inputs(digits.pixels[:3], grey)
    with pytest.raises(DataError, match="float64 of shape"):
        read_inputs(np.zeros((1, 1, 8, 8)), grey)
