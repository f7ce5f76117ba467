"""CSV files are read as they are meant, or refused by file and row: nothing is guessed in silence."""

import pytest
import torch

from softlabel.data.config import DataConfig
from softlabel.data.reading.open_source import open_source
from softlabel.errors import DataError
from tests.hostile_data.csv_cases import READ, REFUSED, WARNED


@pytest.fixture
def opened(tmp_path):
    """Opens a CSV file of these bytes, with feature x and label y."""

    def open_(data):
        (tmp_path / "t.csv").write_bytes(data)
        return open_source(DataConfig(source=f"csv:{tmp_path / 't.csv'}", feature_columns=["x"], label_column="y"))

    return open_


@pytest.mark.parametrize("name", READ)
def test_read(name, opened):
    data, expected = READ[name]
    source = opened(data)
    values = source.samples.read(torch.arange(len(source.samples))).flatten().tolist()
    labels = [source.class_names[index] for index in source.samples.annotation.tolist()]
    assert list(zip(values, labels, strict=True)) == expected
    assert source.warnings == []


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name, opened):
    data, expected = REFUSED[name]
    with pytest.raises(DataError) as error:
        opened(data)
    assert expected in str(error.value)
    assert len(str(error.value)) < 600


@pytest.mark.parametrize("name", WARNED)
def test_class_names_that_look_alike(name, opened):
    names, expected = WARNED[name]
    source = opened("".join(["x,y\n", *(f"{i},{names[i % 2]}\n" for i in range(6))]).encode())
    assert len(source.class_names) == 2
    (warning,) = source.warnings
    assert expected in warning
