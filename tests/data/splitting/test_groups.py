"""Groups of rows stay on one side of every split."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from softlabel.data.config import DataConfig
from softlabel.data.reading.open_source import open_source
from softlabel.data.splitting.groups import held_out_groups
from softlabel.data.splitting.splits import make_splits
from softlabel.errors import DataError

COLUMNS = {"feature_columns": ["x"], "label_column": "y", "group_column": "person"}


def of_label(annotation):
    return annotation.numpy()


def rows_of(count):
    return [[i, "ab"[i // 3 % 2], f"p{i // 3}"] for i in range(count)]


def config_of(path, **options):
    return DataConfig(source=f"csv:{path}", **COLUMNS, **options)


@pytest.mark.parametrize("protocol", ["hold-out", "published"])
def test_no_group_is_in_two_parts(write, protocol):
    rows = rows_of(120)
    config = config_of(write("t.csv", ["x", "y", "person"], rows), protocol=protocol)
    splits = make_splits(open_source(config), config, of_label)
    parts = [splits.training, splits.test] + ([splits.validation] if splits.validation else [])
    people = [{rows[i][2] for i in part.sample_id.tolist()} for part in parts]
    assert sum(map(len, people)) == len(set.union(*people)) == 40
    assert abs(len(splits.test) - 24) <= 3
    for part in parts:
        assert len(part.annotation.unique()) == 2


def test_the_order_of_rows_changes_no_split(write):
    rows = rows_of(60)
    found = []
    for some in (rows, rows[::-1]):
        config = config_of(write("t.csv", ["x", "y", "person"], some))
        test = make_splits(open_source(config), config, of_label).test
        found.append({some[i][2] for i in test.sample_id.tolist()})
    assert found[0] == found[1]


def test_given_parts_that_share_a_group_are_refused(write):
    rows = [[*row, ["train", "test"][i % 12 > 8]] for i, row in enumerate(rows_of(36))]
    rows[10][2] = "p0"
    path = write("t.csv", ["x", "y", "person", "part"], rows)
    with pytest.raises(DataError) as error:
        open_source(config_of(path, split_column="part"))
    expected = "group 'p0' of the test part is also in the train part (row 1), expected each group in one part only"
    assert f"t.csv, row 11, column 'person': {expected}" in str(error.value)
    source = open_source(config_of(path, split_column="part", skip_bad=True))
    assert 10 not in source.samples.sample_id


def test_rows_without_a_group_are_refused(write):
    rows = rows_of(12)
    rows[4][2] = ""
    with pytest.raises(DataError, match="row 5, column 'person': an empty value, expected a group"):
        open_source(config_of(write("t.csv", ["x", "y", "person"], rows)))


def test_a_class_of_one_group_is_for_training(write):
    rows = [[i, "a", f"p{i // 3}"] for i in range(30)] + [[i, "b", "lone"] for i in range(30, 36)]
    config = config_of(write("t.csv", ["x", "y", "person"], rows))
    splits = make_splits(open_source(config), config, of_label)
    assert "one group only, which is for training: 'b' (not in the test part)" in splits.notes
    assert splits.test.annotation.unique().tolist() == [0]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), min_size=1, max_size=60),
    st.floats(0.05, 0.9),
    st.integers(0, 3),
)
def test_whole_groups_are_taken_and_one_of_a_stratum_is_left(pairs, share, seed):
    strata, groups = (np.array(column) for column in zip(*pairs, strict=True))
    chosen, single = held_out_groups(strata, groups, share, (seed, "test"))
    taken = {int(group) for group in groups[chosen]}
    assert not taken & {int(group) for group in groups[~chosen]}
    assert not chosen.all()
    assert chosen.any() or len(single) == len(np.unique([_home(strata[groups == g]) for g in np.unique(groups)]))


def _home(strata):
    return int(torch.bincount(torch.from_numpy(strata)).argmax())
