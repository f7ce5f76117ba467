"""Vectors of classes from a file: by name, in the classes' order, and nothing that is not plain numbers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from softlabel.data.reading.label_vectors import read_label_vectors
from softlabel.errors import DataError

NAMES = ["sad", "glad, very", "grün"]
VECTORS = [[3.0, 0.5], [1.0, -2.0], [2.0, 1e-3]]


def test_both_formats_are_matched_by_name(tmp_path: Path) -> None:
    order = [2, 0, 1]
    text = "other,9,9\n" + "".join(f'"{NAMES[k]}",{VECTORS[k][0]},{VECTORS[k][1]}\n' for k in order)
    (tmp_path / "v.csv").write_text("\ufeff" + text, encoding="utf-8")
    stacked = np.array([*(VECTORS[k] for k in order), [9, 9]], dtype=np.float32)
    np.savez(tmp_path / "v.npz", names=np.array([*(NAMES[k] for k in order), "other"]), vectors=stacked)
    for name in ("v.csv", "v.npz"):
        np.testing.assert_allclose(read_label_vectors(tmp_path / name, NAMES).numpy(), VECTORS, rtol=1e-6)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("sad,1,2\n", "no vector for class 'glad' and 1 more"),
        ("sad,1,2\nglad,1\nbad,1,2\n", "class 'glad': 1 numbers"),
        ("sad\nglad\nbad\n", "class 'sad': 0 numbers"),
        ("name,x,y\nsad,1,2\n", "line 1, column 2: 'x' is not a number"),
        ("sad,1,2\nglad,1,nan\nbad,1,2\n", "class 'glad': a number is not finite"),
        ("sad,1,2\nglad,0,0\nbad,1,2\n", "class 'glad': only zeros"),
        ("sad,1,2\nsad,1,2\n", "line 2: a second vector for 'sad'"),
        ("", "no vector for class 'sad' and 2 more"),
        (b"\xff\xfe\x00", "not a CSV file in UTF-8"),
    ],
)
def test_what_is_wrong_in_a_table_is_named(tmp_path: Path, content: str | bytes, message: str) -> None:
    path = tmp_path / "v.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=re.escape(message)):
        read_label_vectors(path, ["sad", "glad", "bad"])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            {"names": np.array(["a", None], dtype=object), "vectors": np.ones((2, 2))},
            "not an .npz file of plain arrays",
        ),
        ({"names": np.array(["a", "b"])}, "expected the arrays 'names' and 'vectors'"),
        ({"names": np.array(["a", "b"]), "vectors": np.ones(2)}, "expected text (M,) and numbers (M, D)"),
        ({"names": np.array([1, 2]), "vectors": np.ones((2, 2))}, "expected text (M,)"),
        ({"names": np.array(["a", "a"]), "vectors": np.ones((2, 2))}, "a second vector for 'a'"),
        ({"names": np.array(["a", "b"]), "vectors": np.array([["x", "y"]] * 2)}, "numbers (M, D)"),
    ],
)
def test_what_is_wrong_in_arrays_is_named(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    np.savez(tmp_path / "v.npz", **arrays)
    with pytest.raises(DataError, match=re.escape(message)):
        read_label_vectors(tmp_path / "v.npz", ["a", "b"])


@pytest.mark.parametrize("name", ["v.pkl", "v.npy", "v.pt", "v", "no.csv", "broken.npz", "folder.csv"])
def test_other_files_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 and no archive")
    if name.startswith("v"):
        (tmp_path / name).write_bytes(b"\x80\x04.")
    with pytest.raises(DataError, match=re.escape(name)):
        read_label_vectors(tmp_path / name, ["a"])
