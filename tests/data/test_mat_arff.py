"""Tables of the literature: label distributions in .mat files, multi-label rows in ARFF; made ones, and the real."""

from __future__ import annotations

import gzip
import os

import numpy as np
import pytest
import torch
from scipy.io import savemat

from softlabel.data.annotation import LEVELS, VOTES
from softlabel.data.config import DataConfig
from softlabel.data.reading.open_source import open_source
from softlabel.errors import DataError

REAL = os.environ.get("SOFTLABEL_DATA") or None
needs_data = pytest.mark.skipif(REAL is None, reason="SOFTLABEL_DATA does not name the folder of the real data")
XML = '<?xml version="1.0"?>\n<labels xmlns="http://mulan.sourceforge.net/labels">\n{}</labels>'
ROWS = ["0.5,1,0,1", "-2e1,0,1,0", "3,1,1,1", "4,0,0,0", "5,1,0,1", "6,0,1,1"]


def opened(source, **options):
    return open_source(DataConfig(source=source, **options))


def refusal(source, **options):
    with pytest.raises(DataError) as error:
        opened(source, **options)
    return str(error.value)


@pytest.fixture
def tables():
    random = np.random.default_rng(0)
    labels = random.random((12, 3))
    return {"features": random.random((12, 4)), "labels": labels / labels.sum(1, keepdims=True)}


@pytest.fixture
def arff(tmp_path):
    """Writes demo-train.arff.gz, demo-test.arff and demo.xml, or what takes their place; returns the source."""

    def write(train=ROWS, test=ROWS[:3], names=("calm", "sad one"), attribute="@attribute 'sad one' {0,1}"):
        header = f"@relation demo\n\n% a comment\n@attribute x numeric\n@ATTRIBUTE flag {{0,1}}\n{attribute}\n"
        header += "@attribute calm {0,1}\n@data\n"
        (tmp_path / "demo-train.arff.gz").write_bytes(gzip.compress((header + "\n".join(train) + "\n").encode()))
        (tmp_path / "demo-test.arff").write_text(header + "\r\n".join(test))
        (tmp_path / "demo.xml").write_text(XML.format("".join(f'<label name="{name}"></label>\n' for name in names)))
        return f"arff:{tmp_path}/demo-train.arff.gz"

    return write


def test_a_mat_file(tmp_path, tables):
    savemat(tmp_path / "t.mat", tables | {"other": np.ones(3)})
    source = opened(f"mat:{tmp_path}/t.mat")
    assert source.annotation_kind is VOTES
    assert source.class_names == ["1", "2", "3"]
    assert source.description == "12 rows of 4 features, 3 classes, votes or probabilities"
    assert np.array_equal(source.samples.annotation.numpy(), tables["labels"].astype(np.float32))
    assert np.array_equal(source.samples.read(torch.arange(12)).numpy(), tables["features"].astype(np.float32))
    assert source.place_of(4) == "t.mat, row 5"


def test_whole_numbers_of_an_axis_name_the_classes(tmp_path, tables):
    for axis, names in (([18, 0, 7], ["18", "0", "7"]), ([1.5, 2, 3], ["1", "2", "3"]), ([4, 5], ["1", "2", "3"])):
        savemat(tmp_path / "t.mat", tables | {"x": np.array(axis)})
        assert opened(f"mat:{tmp_path}/t.mat").class_names == names


def test_rows_of_a_mat_file_sum_to_one_or_are_normalised(tmp_path, tables):
    cut = tables["labels"].copy()
    cut[4] *= 0.8
    savemat(tmp_path / "t.mat", tables | {"labels": cut})
    place = "t.mat, row 5, column 'label 1 ... label 3'"
    assert f"{place}: a row that sums to 0.8, expected a sum of 1 (or pass --normalise)" in refusal(
        f"mat:{tmp_path}/t.mat"
    )
    source = opened(f"mat:{tmp_path}/t.mat", normalise=True)
    np.testing.assert_allclose(source.samples.annotation.numpy(), tables["labels"], atol=1e-6)


def test_values_of_a_mat_file_that_cannot_be_used(tmp_path, tables):
    tables["features"][2, 1] = np.nan
    tables["labels"][7, 2] = -0.1
    savemat(tmp_path / "t.mat", tables)
    text = refusal(f"mat:{tmp_path}/t.mat")
    assert "t.mat, row 3, column 'feature_2': nan, expected a finite number" in text
    assert "t.mat, row 8, column 'label 3': -0.1, expected a probability (from 0)" in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: {"features": t["features"]}, "t.mat: no array 'labels', expected 'features' and 'labels'"),
        (lambda t: t | {"labels": t["labels"][:5]}, "t.mat: 12 rows of features, but 5 of labels"),
        (lambda t: t | {"labels": np.array(["a"] * 12)}, "t.mat: labels is not a table of numbers"),
        (lambda t: t | {"features": t["features"] * 1j}, "t.mat: features is not a table of numbers"),
    ],
)
def test_other_mat_files_are_refused(tmp_path, tables, change, message):
    savemat(tmp_path / "t.mat", change(tables))
    assert message in refusal(f"mat:{tmp_path}/t.mat")


def test_damaged_mat_files_are_refused(tmp_path, tables):
    savemat(tmp_path / "t.mat", tables)
    whole = (tmp_path / "t.mat").read_bytes()
    for damaged in (b"", b"text", whole[:200], whole[:-40]):
        (tmp_path / "t.mat").write_bytes(damaged)
        assert refusal(f"mat:{tmp_path}/t.mat").startswith("t.mat: ")


def test_an_arff_file_and_its_test_part(arff):
    source = opened(f"{arff()},demo-test.arff")
    assert source.annotation_kind is LEVELS
    assert source.class_names == ["calm", "sad one"]
    assert source.feature_names == ["x", "flag"]
    assert source.samples.annotation[:4].tolist() == [[2, 0], [0, 2], [2, 2], [0, 0]]
    assert source.samples.read(torch.tensor([0, 1])).tolist() == [[0.5, 1.0], [-20.0, 0.0]]
    assert torch.bincount(source.split.long()).tolist() == [6, 0, 3]
    assert [source.place_of(0), source.place_of(6)] == ["demo-train.arff.gz, line 9", "demo-test.arff, line 9"]
    alone = opened(arff())
    assert alone.split is None
    assert alone.name == "demo"


def test_arff_rows_that_cannot_be_used_are_named_by_line(arff):
    text = refusal(f"{arff([*ROWS, '?,1,1,0', '1,1,2,0', '1,1,0'])},demo-test.arff")
    assert "demo-train.arff.gz, line 15, column 'x': '?', expected a finite number" in text
    assert "demo-train.arff.gz, line 16, column 'sad one': 2, expected 0 or 1" in text
    assert "demo-train.arff.gz, line 17: 3 values, expected 4 like the attributes" in text
    assert "3 of 12 rows" in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"names": ["calm", "glad"]}, "demo-train.arff.gz: no column 'glad'"),
        ({"names": ["calm"]}, "demo.xml: labels 'calm', expected <label name=...> at least twice"),
        ({"names": ["a<b", "c"]}, "demo.xml: cannot be read as XML"),
        ({"attribute": "@attribute calm {0,1}"}, "attributes that occur twice: 'calm'"),
        ({"attribute": "@attribute alone"}, "line 6: '@attribute alone', expected @attribute NAME TYPE"),
        ({"attribute": "something"}, "line 6: 'something', expected @relation, @attribute or @data"),
        ({"train": ["{0 1, 2 1}"]}, "line 9: '{0 1, 2 1}' is a sparse row, expected 4 values"),
        ({"train": []}, "no rows, expected at least two"),
        ({"names": ["x", "flag", "calm", "sad one"]}, "every attribute is a label, expected features too"),
    ],
)
def test_other_arff_files_are_refused(arff, change, message):
    assert message in refusal(arff(**change))


def test_arff_files_that_are_missing_or_damaged(arff, tmp_path):
    source = arff()
    assert "other.arff: does not exist" in refusal(f"{source},other.arff")
    (tmp_path / "demo-test.arff").write_text("@relation r\n@attribute y numeric\n@data\n1\n")
    assert "demo-test.arff: no column 'x' (and 3 more) as in demo-train.arff.gz" in refusal(f"{source},demo-test.arff")
    (tmp_path / "demo.xml").unlink()
    assert "demo.xml: does not exist, expected the names of the labels of demo-train.arff.gz" in refusal(source)
    whole = (tmp_path / "demo-train.arff.gz").read_bytes()
    for damaged in (b"", whole[:-12], b"\xff\xfe" + whole):
        (tmp_path / "demo-train.arff.gz").write_bytes(damaged)
        assert refusal(source).startswith("demo-train.arff.gz: ")


@needs_data
@pytest.mark.parametrize(
    ("name", "shape", "classes"),
    [
        ("SJAFFE", (213, 243), 6),
        ("SBU_3DFE", (2500, 243), 6),
        ("SCUT_FBP", (1500, 300), 5),
        ("FG-Net", (1002, 251), 70),
    ],
)
def test_the_real_distributions(name, shape, classes):
    source = opened(f"mat:{REAL}/ldl/{name}.mat", normalise=name == "FG-Net")
    assert (len(source.samples), *source.samples.input_shape) == shape
    first = 0 if name == "FG-Net" else 1  # ages, or numbers of labels
    assert source.class_names == [str(k) for k in range(first, first + classes)]
    torch.testing.assert_close(source.samples.annotation.sum(1), torch.ones(shape[0]), atol=1e-5, rtol=0)


@needs_data
def test_the_cut_ages_must_be_normalised():
    assert "FG-Net.mat: 353 of 1,002 rows cannot be used" in refusal(f"mat:{REAL}/ldl/FG-Net.mat")


@needs_data
@pytest.mark.parametrize(
    ("name", "parts", "features", "labels", "cardinality"),
    [  # labels a row as published with Mulan
        ("emotions", [391, 0, 202], 72, 6, 1.869),
        ("scene", [1211, 0, 1196], 294, 6, 1.074),
        ("yeast", [1500, 0, 917], 103, 14, 4.237),
    ],
)
def test_the_real_multi_label_tables(name, parts, features, labels, cardinality):
    source = opened(f"arff:{REAL}/mulan/{name}-train.arff.gz,{name}-test.arff.gz")
    assert torch.bincount(source.split.long()).tolist() == parts
    assert source.samples.input_shape == (features,)
    assert len(source.class_names) == labels
    assert (source.samples.annotation == 2).sum(1).double().mean().item() == pytest.approx(cardinality, abs=1e-3)


def test_names_with_quotes_in_both_files(arff):
    source = arff(attribute=r"@attribute 'Swainson\'s Thrush' {0,1}", names=("calm", "Swainson's Thrush"))
    assert opened(source).class_names == ["calm", "Swainson's Thrush"]
    as_in_arff = arff(attribute=r"@attribute 'Swainson\'s Thrush' {0,1}", names=("calm", r"Swainson\'s Thrush"))
    assert opened(as_in_arff).class_names == ["calm", "Swainson's Thrush"]


def test_the_second_file_is_named_from_the_working_folder_or_stands_beside_the_first(arff, tmp_path, monkeypatch):
    arff()
    monkeypatch.chdir(tmp_path.parent)
    inside = tmp_path.name
    for second in ("demo-test.arff", f"{inside}/demo-test.arff", f"{tmp_path}/demo-test.arff"):
        assert (opened(f"arff:{inside}/demo-train.arff.gz,{second}").split == 2).sum() == 3
    monkeypatch.chdir(tmp_path)
    assert (opened("arff:demo-train.arff.gz,demo-test.arff").split == 2).sum() == 3
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "demo-test.arff").write_text("other")
    monkeypatch.chdir(tmp_path / "w")
    assert "is in the working folder and beside" in refusal("arff:../demo-train.arff.gz,demo-test.arff")


def test_the_names_of_the_files_may_say_the_parts(arff, tmp_path):
    source = arff()
    text = refusal(f"arff:{tmp_path}/demo-test.arff,demo-train.arff.gz")
    assert "the names say test and train, expected the training file first" in text
    (tmp_path / "demo-test.arff").rename(tmp_path / "demo-Dev.arff")
    assert torch.bincount(opened(f"{source},demo-Dev.arff").split.long()).tolist() == [6, 3]
