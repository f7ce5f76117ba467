"""Values, pairs of values and levels: columns of tables, what is refused, and what splits and noise make of them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import torch

from softlabel.data.annotation import LEVELS, VALUE, VALUES
from softlabel.data.config import DataConfig
from softlabel.data.reading.open_source import open_source
from softlabel.data.splitting.splits import make_splits
from softlabel.data.splitting.wrong_labels import noisy_values
from softlabel.errors import ConfigError, DataError

HEADER = ["x", "age", "spread", "pitch", "yaw", "label_a", "label_b", "part"]


def rows(count=40):
    return [[i, 20 + i / 2, 1 + i % 3, -i, i * 2, i % 2, int(i % 3 == 0), "train"] for i in range(count)]


def opened(path, kind="csv", **options):
    return open_source(DataConfig(source=f"{kind}:{path}", feature_columns=["x"], **options))


def refusal(path, **options):
    with pytest.raises(DataError) as error:
        opened(path, **options)
    return str(error.value)


def split_by_half(config, source):
    return make_splits(source, config, lambda annotation: np.arange(len(annotation)) % 2)


def test_a_value_column(write):
    source = opened(write("t.csv", HEADER, rows()), value_column="age")
    annotation = source.samples.annotation
    assert source.annotation_kind is VALUE
    assert annotation.dtype == torch.float32
    assert annotation[:, 0].tolist() == [20 + i / 2 for i in range(40)]
    assert annotation[:, 1].isnan().all()
    assert source.class_names == []
    assert source.description == "40 rows of 1 features, values from 20 to 39.5"
    assert source.dataset[3] == {"features": [3.0], "value": 21.5, "sigma": None}


def test_the_spread_of_a_value_may_be_unknown_but_not_zero(write):
    some = rows()
    some[4][2] = " "
    source = opened(write("t.csv", HEADER, some), value_column="age", sigma_column="spread")
    sigma = source.samples.annotation[:, 1]
    assert sigma.isnan().nonzero().flatten().tolist() == [4]
    assert sigma[[0, 1, 5]].tolist() == [1, 2, 3]
    for row, bad in ((7, 0), (9, -1), (11, "nan"), (12, "x")):
        some[row][2] = bad
    text = refusal(write("t.csv", HEADER, some), value_column="age", sigma_column="spread")
    for row, bad in ((8, "0"), (10, "-1"), (12, "'nan'"), (13, "'x'")):
        expected = "a standard deviation above 0, or nothing"
        assert f"t.csv, row {row}, column 'spread': {bad}, expected {expected}" in text


@pytest.mark.parametrize("bad", ["", "nan", "inf", "old", "1e39"])
def test_a_value_that_is_no_number_is_refused(write, bad):
    some = rows()
    some[6][1] = bad
    for options, column in (({"value_column": "age"}, "age"), ({"value_columns": ["age", "yaw"]}, "age")):
        assert f"t.csv, row 7, column '{column}': " in refusal(write("t.csv", HEADER, some), **options)


def test_two_value_columns(write):
    source = opened(write("t.csv", HEADER, rows()), value_columns=["pitch", "yaw"])
    assert source.annotation_kind is VALUES
    assert source.class_names == ["pitch", "yaw"]
    assert torch.equal(source.samples.annotation, torch.tensor([[-i, 2.0 * i] for i in range(40)]))
    assert source.description.endswith("pitch from -39 to 0, yaw from 0 to 78")
    assert source.dataset[3]["values"] == [-3.0, 6.0]
    path = write("t.csv", HEADER, rows())
    for names in (["pitch"], ["pitch", "yaw", "age"]):
        with pytest.raises(DataError, match=f"{len(names)} columns of values, expected two"):
            opened(path, value_columns=names)


def test_levels_of_both_codes(write):
    path = write("t.csv", HEADER, rows())
    source = opened(path, level_columns=["label_*"])
    assert source.annotation_kind is LEVELS
    assert source.class_names == ["a", "b"]
    assert source.samples.annotation.dtype == torch.uint8
    assert source.samples.annotation.tolist() == [[2 * (i % 2), 2 * (i % 3 == 0)] for i in range(40)]
    assert source.dataset[3]["levels"] == [2, 2]
    difficult = opened(path, level_columns=["label_*"], level_codes="pdn")
    assert torch.equal(difficult.samples.annotation * 2, source.samples.annotation)
    assert difficult.warnings == ["no positive rows in the training rows for 'a', 'b'"]


def test_a_level_outside_its_codes_is_refused(write):
    some = rows()
    some[2][5], some[3][6], some[8][6] = 2, "yes", 0.5
    text = refusal(write("t.csv", HEADER, some), level_columns=["label_*"])
    for place in ("row 3, column 'label_a': 2", "row 4, column 'label_b': 'yes'", "row 9, column 'label_b': 0.5"):
        assert f"t.csv, {place}, expected 0 or 1 (or pass --level-codes pdn)" in text
    some[2][5] = 3
    text = refusal(write("t.csv", HEADER, some), level_columns=["label_*"], level_codes="pdn")
    assert "row 3, column 'label_a': 3, expected 0, 1 or 2 (negative, difficult, positive)" in text
    with pytest.raises(DataError, match="only one column of levels"):
        opened(write("t.csv", HEADER, rows()), level_columns=["label_a"])


def test_parquet_has_the_same_columns(tmp_path):
    table = pa.table({"x": np.arange(30.0), "age": np.arange(30), "s": pa.array([None, *[2.0] * 29])})
    table = table.append_column("l_a", pa.array([True, False] * 15)).append_column("l_b", pa.array([0, 1, 1] * 10))
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet")
    source = opened(tmp_path / "t.parquet", "parquet", value_column="age", sigma_column="s")
    assert source.samples.annotation[1:].tolist() == [[i, 2] for i in range(1, 30)]
    assert source.samples.annotation[0, 1].isnan()
    levels = opened(tmp_path / "t.parquet", "parquet", level_columns=["l_*"])
    assert levels.samples.annotation[:3].tolist() == [[2, 0], [0, 2], [2, 2]]


def test_one_kind_of_annotation_is_named(write):
    path = write("t.csv", HEADER, rows())
    for options, message in (
        ({"value_column": "age", "level_columns": ["label_*"]}, "--value-column and --level-columns are given"),
        ({"label_column": "part", "sigma_column": "spread"}, "--sigma-column is given without --value-column"),
    ):
        with pytest.raises(ConfigError, match=message):
            opened(path, **options)


def test_features_leave_the_annotation_out(write):
    path = write("t.csv", HEADER[:7], [row[:7] for row in rows()])
    for options, left in (
        ({"value_column": "age", "sigma_column": "spread"}, ["x", "pitch", "yaw", "label_a", "label_b"]),
        ({"value_columns": ["pitch", "yaw"]}, ["x", "age", "spread", "label_a", "label_b"]),
        ({"level_columns": ["label_*"]}, ["x", "age", "spread", "pitch", "yaw"]),
    ):
        assert open_source(DataConfig(source=f"csv:{path}", feature_columns=["*"], **options)).feature_names == left


def test_a_constant_value_is_nothing_to_learn(write):
    some = [[*row[:1], 30, *row[2:]] for row in rows()]
    for options in ({"value_column": "age"}, {"value_columns": ["yaw", "age"]}):
        text = refusal(write("t.csv", HEADER, some), **options)
        assert text == "t.csv: every row has the value 30, expected at least two different ones"


def test_a_long_tail_needs_classes(write):
    path = write("t.csv", HEADER, rows())
    for options, has in (
        ({"value_column": "age"}, "a number per row"),
        ({"value_columns": ["pitch", "yaw"]}, "two numbers per row"),
        ({"level_columns": ["label_*"]}, "any number of classes per row"),
    ):
        config = DataConfig(source=f"csv:{path}", feature_columns=["x"], imbalance=2, **options)
        with pytest.raises(ConfigError, match=f"imbalance: t has {has}"):
            split_by_half(config, open_source(config))


def test_noise_replaces_values_and_leaves_their_spread(write):
    path = write("t.csv", HEADER, rows(200))
    base = {"source": f"csv:{path}", "feature_columns": ["x"]}
    for options in ({"value_column": "age", "sigma_column": "spread"}, {"value_columns": ["pitch", "yaw"]}):
        config = DataConfig(**base, **options, noise=0.5)
        source = open_source(config)
        splits, clean = (split_by_half(c, source) for c in (config, config.model_copy(update={"noise": 0.0})))
        differ = (splits.training.annotation[:, 0] != clean.training.annotation[:, 0]).sum()
        assert f"symmetric noise: {differ} of 144 training values are wrong on purpose" in splits.notes
        assert 50 < differ < 94
        assert torch.equal(splits.test.annotation, clean.test.annotation)
        if "value_column" in options:
            assert torch.equal(splits.training.annotation[:, 1], clean.training.annotation[:, 1])
        else:  # the pair is replaced as a whole
            assert torch.equal(splits.training.annotation[:, 1], -2 * splits.training.annotation[:, 0])
        with pytest.raises(ConfigError, match=r"noise_kind: t has .* class-dependent noise needs classes"):
            split_by_half(config.model_copy(update={"noise_kind": "class-dependent"}), source)
    config = DataConfig(**base, level_columns=["label_*"], noise=0.1)
    with pytest.raises(ConfigError, match="noise: t has any number of classes per row"):
        split_by_half(config, open_source(config))


def test_wrong_values_are_other_values_that_occur_each_as_likely():
    values = torch.tensor([0.0, 5, 7, 7, 7]).repeat(4000)[:, None]
    noisy = noisy_values(values, 0.4, seed=3)
    changed = noisy != values
    assert changed.float().mean().item() == pytest.approx(0.4, abs=0.01)
    from_seven = noisy[changed & (values == 7)]
    assert (from_seven == 0).float().mean().item() == pytest.approx(0.5, abs=0.02)
    assert torch.equal(noisy, noisy_values(values, 0.4, seed=3))
    assert not torch.equal(noisy, noisy_values(values, 0.4, seed=4))
