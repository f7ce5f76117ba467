"""Whatever bytes a data file holds, `softlabel train` ends with 0 or 2: never a traceback, never a fault of ours."""

import contextlib
import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from softlabel.cli.main import main

COLUMNS = ("--feature-columns", "x", "--label-column", "y")
FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TABLE = b"x,y\n" + b"".join(b"%d,%s\n" % (i, b"ab"[i % 2 : i % 2 + 1]) for i in range(12))


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SOFTLABEL_TRACEBACK", raising=False)


def check(source, *options):
    """Trains one epoch where the data can be used."""
    words = ("train", "--source", source, *options, "--epochs", "1", "--hidden", "2")
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        code = main(words)
    assert code in (0, 2), errors.getvalue()
    assert "Traceback" not in errors.getvalue()
    return code, errors.getvalue()


def mutated(data):
    """Bytes of a file with some of them changed, taken out or put in."""
    change = st.tuples(st.integers(0, len(data) - 1), st.integers(0, 6), st.binary(max_size=6))

    def apply(changes):
        changed = bytearray(data)
        for start, length, new in changes:
            changed[start : start + length] = new
        return bytes(changed)

    return st.lists(change, min_size=1, max_size=4).map(apply)


@FEW
@given(data=st.one_of(st.binary(max_size=200), mutated(TABLE)))
def test_csv(data, tmp_path):
    (tmp_path / "t.csv").write_bytes(data)
    check("csv:t.csv", *COLUMNS)


def parquet_bytes():
    sink = io.BytesIO()
    pa.parquet.write_table(pa.table({"x": list(range(12)), "y": ["a", "b"] * 6}), sink)
    return sink.getvalue()


@FEW
@given(data=mutated(parquet_bytes()))
def test_parquet(data, tmp_path):
    (tmp_path / "t.parquet").write_bytes(data)
    check("parquet:t.parquet", *COLUMNS)


def image_bytes(format_):
    sink = io.BytesIO()
    Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3)).save(sink, format_)
    return sink.getvalue()


@FEW
@given(data=st.sampled_from(["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"]).map(image_bytes).flatmap(mutated))
def test_images_in_folders(data, tmp_path):
    for name in "ab":
        (tmp_path / "d" / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), ord(name), np.uint8)).save(tmp_path / "d" / name / "1.png")
    (tmp_path / "d" / "a" / "fuzzed.png").write_bytes(data)
    check("folder:d")
