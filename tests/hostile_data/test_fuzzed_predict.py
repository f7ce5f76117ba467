"""Whatever is given to a trained model, `softlabel predict` ends with 0 or 2, and answers every row that it read."""

import contextlib
import csv
import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from softlabel.cli.main import main
from tests.hostile_data import layouts
from tests.hostile_data.test_fuzzed_files import image_bytes, mutated

FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TABLE = b"p1,p2,file\n" + b"".join(b"%d,%d.5,img/1.png\n" % (i, i % 3) for i in range(6))
CODES = {0, 2}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Folders of runs that read two features, and grey images of 8 x 8 pixels."""
    root = tmp_path_factory.mktemp("models")
    found = {}
    for files in (layouts.features(), layouts.folder()):
        files.write(root)
        source = f"{files.source.partition(':')[0]}:{root / files.source.partition(':')[2]}"
        options = ("--epochs", "1", "--backbone", "mlp", "--hidden", "2", "--runs", str(root / files.source[:3]))
        with contextlib.redirect_stdout(io.StringIO()):
            assert main(["train", "--source", source, *files.options, *options]) == 0
        (found[files.source[:3]],) = (path for path in (root / files.source[:3]).iterdir() if path.is_dir())
    return found


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SOFTLABEL_TRACEBACK", raising=False)


def predicted(model, given_, *options):
    """The answers as rows of the CSV that is printed; none where the input is refused, and then in words."""
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        code = main(["predict", str(model), given_, *options])
    assert code in CODES, errors.getvalue()
    assert "Traceback" not in errors.getvalue()
    rows = list(csv.DictReader(io.StringIO(out.getvalue())))
    assert bool(rows) == (code == 0), errors.getvalue()
    assert code == 0 or errors.getvalue().startswith("softlabel predict: ")
    return rows


@FEW
@given(data=st.one_of(st.binary(max_size=120), mutated(TABLE)), skip=st.booleans())
def test_tables_of_features(data, skip, models, tmp_path):
    (tmp_path / "t.csv").write_bytes(data)
    rows = predicted(models["csv"], "t.csv", *["--skip-bad"] * skip)
    assert len(rows) <= max(data.count(b"\n") + data.count(b"\r"), 1)


def parquet_bytes():
    sink = io.BytesIO()
    pa.parquet.write_table(pa.table({"p1": list(range(12)), "p2": [str(i) for i in range(12)]}), sink)
    return sink.getvalue()


@FEW
@given(data=mutated(parquet_bytes()))
def test_parquet(data, models, tmp_path):
    (tmp_path / "t.parquet").write_bytes(data)
    predicted(models["csv"], "t.parquet")


@FEW
@given(data=mutated(TABLE), skip=st.booleans())
def test_tables_of_paths(data, skip, models, tmp_path):
    layouts.save(tmp_path / "img" / "1.png", layouts.pixels(1))
    (tmp_path / "t.csv").write_bytes(data)
    predicted(models["fol"], "t.csv", "--image-column", "file", *["--skip-bad"] * skip)


@FEW
@given(
    data=st.sampled_from(["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"]).map(image_bytes).flatmap(mutated),
    skip=st.booleans(),
    alone=st.booleans(),
)
def test_images(data, skip, alone, models, tmp_path):
    layouts.save(tmp_path / "d" / "good.png", layouts.pixels(1))
    (tmp_path / "d" / "fuzzed.png").write_bytes(data)
    rows = predicted(models["fol"], "d/fuzzed.png" if alone else "d", *["--skip-bad"] * skip)
    assert {row["file"] for row in rows} <= {"fuzzed.png", "good.png", "d/fuzzed.png"}


NAMES = st.one_of(
    st.sampled_from(
        ["a", "b", "train", "test", "val", ".hidden", "Thumbs.db", "1.png", "2.PNG", "x.txt", "a b.gif", "é", "\u202eb"]
    ),
    st.text(st.characters(exclude_characters="/\0", exclude_categories=("Cs",)), min_size=1, max_size=8),
)
CONTENTS = st.sampled_from(["image", "larger", "empty", "words", "folder", "link up", "link inside", "circle"])
TREES = st.lists(st.tuples(st.lists(NAMES, min_size=1, max_size=4), CONTENTS), max_size=10)


def grow(root, tree):
    """Make what can be made of a tree of paths: names that are taken, or that the disk refuses, are left out."""
    for names, content in tree:
        path = root.joinpath(*names)
        with contextlib.suppress(OSError, ValueError):
            path.parent.mkdir(parents=True, exist_ok=True)
            plant(path, content)


def plant(path, content):
    if content == "folder":
        path.mkdir()
    elif content in ("link up", "link inside", "circle"):
        path.symlink_to({"link up": "../..", "link inside": ".", "circle": path.name}[content])
    elif not path.exists():
        with path.open("wb") as file:
            if content in ("image", "larger"):
                side = 8 if content == "image" else 9
                Image.fromarray(np.full((side, side), len(path.name), np.uint8)).save(file, "PNG")
            file.write(b"" if content != "words" else b"words")


@settings(FEW, max_examples=15)
@given(tree=TREES, skip=st.booleans())
def test_folder_trees(tree, skip, models, tmp_path_factory):
    root = tmp_path_factory.mktemp("tree") / "d"
    layouts.folder().write(root.parent)
    grow(root, tree)
    words = ["train", "--source", f"folder:{root}", "--epochs", "1", "--backbone", "mlp", "--hidden", "2"]
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        code = main([*words, *["--skip-bad"] * skip])
    assert code in CODES, errors.getvalue()
    assert "Traceback" not in errors.getvalue()
    predicted(models["fol"], str(root), *["--skip-bad"] * skip)
