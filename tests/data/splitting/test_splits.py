import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from softlabel.data.config import DataConfig
from softlabel.data.duplicates import identities
from softlabel.data.reading.open_source import open_source
from softlabel.data.splitting.long_tail import long_tail_counts, long_tail_rows
from softlabel.data.splitting.splits import make_splits
from softlabel.data.splitting.strata import held_out, held_out_size, quantile_bins
from softlabel.errors import ConfigError, DataError, UnsupportedError
from tests.oracle import data as oracle


def of_label(annotation):
    return annotation.numpy()


def of_votes(annotation):
    return annotation.argmax(-1).numpy()


def table(write, rows, header=("x", "y"), **options):
    path = write("t.csv", list(header), rows)
    return open_source(DataConfig(source=f"csv:{path}", feature_columns=["x"], **{"label_column": "y", **options}))


@pytest.fixture(scope="module")
def digits_source():
    return open_source(DataConfig())


def ids(samples):
    return set(samples.sample_id.tolist())


@given(st.integers(0, 400), st.floats(0.01, 0.99))
def test_held_out_size(count, share):
    assert held_out_size(count, share) == oracle.held_out_size(count, share)


@given(st.lists(st.integers(0, 5), max_size=80), st.integers(0, 3))
def test_every_stratum_keeps_a_row(values, seed):
    strata = np.array(values, dtype=np.int64)
    chosen, single = held_out(strata, 0.3, (seed, "test"))
    for stratum in set(values):
        count = values.count(stratum)
        assert chosen[strata == stratum].sum() == held_out_size(count, 0.3)
        assert (stratum in single) == (count == 1)


def test_a_stratum_does_not_move_another():
    strata = np.repeat([0, 1], 50)
    chosen, _ = held_out(strata, 0.2, (0, "test"))
    other, _ = held_out(np.concatenate([strata, np.full(30, 2)]), 0.2, (0, "test"))
    assert np.array_equal(chosen, other[:100])


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), st.integers(1, 8))
def test_quantile_bins_follow_the_order(values, num_bins):
    bins = quantile_bins(np.array(values), num_bins)
    assert set(bins.tolist()) == set(range(bins.max() + 1))
    assert bins.max() < num_bins
    order = np.argsort(values, kind="stable")
    assert (np.diff(bins[order]) >= 0).all()
    for value in set(values):
        assert len(set(bins[np.array(values) == value])) == 1


def test_quantile_bins_are_about_equal():
    assert np.bincount(quantile_bins(np.random.default_rng(0).normal(size=1000), 5)).tolist() == [200] * 5


def test_hold_out_has_every_row_once_and_every_class_in_proportion(digits_source):
    splits = make_splits(digits_source, DataConfig(), of_label)
    parts = [splits.training, splits.validation, splits.test]
    assert sorted(i for part in parts for i in part.sample_id.tolist()) == list(range(1797))
    counts = torch.bincount(digits_source.samples.annotation)
    test, validation = (torch.bincount(part.annotation) for part in (splits.test, splits.validation))
    assert test.tolist() == [oracle.held_out_size(n, 0.2) for n in counts.tolist()]
    assert validation.tolist() == [oracle.held_out_size(n, 0.1) for n in (counts - test).tolist()]
    assert splits.warnings == []


def test_splits_depend_on_the_seed_and_on_nothing_else(digits_source):
    torch.manual_seed(1)
    one = make_splits(digits_source, DataConfig(imbalance=20), of_label)
    np.random.default_rng(5).normal()
    two = make_splits(digits_source, DataConfig(imbalance=20), of_label)
    other = make_splits(digits_source, DataConfig(imbalance=20, split_seed=1), of_label)
    assert one.test_hash == two.test_hash
    assert one.test_hash != other.test_hash
    assert torch.equal(one.training.sample_id, two.training.sample_id)
    assert ids(one.test) != ids(other.test)
    assert ids(one.training) != ids(other.training)


def test_published_keeps_all_training_rows(digits_source):
    splits = make_splits(digits_source, DataConfig(protocol="published"), of_label)
    assert splits.validation is None
    assert len(splits.training) + len(splits.test) == 1797
    assert any("published" in note for note in splits.notes)


def test_only_the_training_part_becomes_long_tailed(digits_source):
    plain = make_splits(digits_source, DataConfig(), of_label)
    tailed = make_splits(digits_source, DataConfig(imbalance=20), of_label)
    assert ids(tailed.test) == ids(plain.test)
    assert ids(tailed.validation) == ids(plain.validation)
    assert ids(tailed.training) < ids(plain.training)
    counts = torch.bincount(tailed.training.annotation, minlength=10).tolist()
    assert counts == oracle.long_tail_counts(10, counts[0], 20)
    assert counts[0] == torch.bincount(plain.training.annotation)[0]


def test_a_larger_share_of_the_training_part_holds_a_smaller_one(digits_source):
    whole = make_splits(digits_source, DataConfig(), of_label)
    parts = [make_splits(digits_source, DataConfig(training_share=share), of_label) for share in (0.05, 0.3, 0.31, 0.9)]
    rows = [ids(part.training) for part in parts] + [ids(whole.training)]
    assert all(fewer < more for fewer, more in pairwise(rows))
    assert {part.test_hash for part in parts} == {whole.test_hash}
    assert {frozenset(ids(part.validation)) for part in parts} == {frozenset(ids(whole.validation))}
    classes, kept = (torch.bincount(part.training.annotation).tolist() for part in (whole, parts[1]))
    assert kept == [n - oracle.held_out_size(n, 0.7) for n in classes]
    assert any(f"{len(rows[1]):,} of {len(rows[-1]):,}" in note for note in parts[1].notes)


def test_the_smallest_share_keeps_a_row_of_every_class(digits_source):
    splits = make_splits(digits_source, DataConfig(training_share=1e-6), of_label)
    assert torch.bincount(splits.training.annotation).tolist() == [1] * 10


def test_given_parts_are_kept(write):
    rows = [[i, "ab"[i % 2], ["train", "train", "validation", "test"][i % 4]] for i in range(80)]
    source = table(write, rows, ("x", "y", "s"), split_column="s")
    splits = make_splits(source, DataConfig(), of_label)
    assert ids(splits.validation) == set(range(2, 80, 4))
    assert ids(splits.test) == set(range(3, 80, 4))
    published = make_splits(source, DataConfig(protocol="published"), of_label)
    assert len(published.training) == 40
    assert any("20 validation rows of the source are not used" in note for note in published.notes)


def test_a_class_of_one_row_is_for_training(write):
    source = table(write, [[i, "ab"[i % 2]] for i in range(20)] + [[99, "rare"]])
    splits = make_splits(source, DataConfig(), of_label)
    assert 20 in ids(splits.training)
    assert "one row only, which is for training: 'rare' (not in the test part)" in splits.notes
    with pytest.raises(DataError, match="validation split is empty"):
        make_splits(table(write, [[i, "ab"[i % 2]] for i in range(4)]), DataConfig(), of_label)
    with pytest.raises(DataError, match="test split is empty"):
        make_splits(table(write, [[0, "a"], [1, "b"]]), DataConfig(protocol="published"), of_label)


def test_votes_are_split_by_their_largest_class(write, digits):
    header = ["x", *(f"votes_{k}" for k in range(10))]
    rows = [[i, *votes.tolist()] for i, votes in enumerate(digits.votes)]
    source = table(write, rows, header, label_column=None, vote_columns=["votes_*"])
    splits = make_splits(source, DataConfig(imbalance=3), of_votes)
    largest = np.bincount(digits.votes.argmax(1), minlength=10)
    expected = [oracle.held_out_size(n, 0.2) for n in largest.tolist()]
    assert np.bincount(of_votes(splits.test.annotation), minlength=10).tolist() == expected
    with pytest.raises(UnsupportedError, match="votes or probabilities"):
        make_splits(source, DataConfig(noise=0.1), of_votes)


def test_noise_is_in_the_training_part_only(digits_source):
    clean = make_splits(digits_source, DataConfig(), of_label)
    noisy = make_splits(digits_source, DataConfig(noise=0.3), of_label)
    assert torch.equal(noisy.test.annotation, clean.test.annotation)
    assert torch.equal(noisy.validation.annotation, clean.validation.annotation)
    assert torch.equal(noisy.training.sample_id, clean.training.sample_id)
    changed = (noisy.training.annotation != clean.training.annotation).double().mean()
    assert 0.25 < changed < 0.35


@pytest.mark.parametrize("memory", ["hold", "stream"])
def test_the_same_image_in_training_and_test_warns(folder, memory, digits):
    for name in ("train", "test"):
        for label in range(2):
            (folder.parent / "d" / name / str(label)).mkdir(parents=True)
    for i in range(40):
        part = "test" if i < 8 else "train"
        Image.fromarray(digits.pixels[i]).save(folder.parent / "d" / part / str(i % 2) / f"{i:02d}.png")
    config = DataConfig(source=f"folder:{folder.parent / 'd'}", memory=memory)
    assert make_splits(open_source(config), config, of_label).warnings == []
    Image.fromarray(digits.pixels[20]).save(folder.parent / "d" / "test" / "0" / "copy.png")
    config = config.model_copy(update={"protocol": "published"})
    splits = make_splits(open_source(config), config, of_label)
    expected = "inputs of the test part that are also in the training part: 1 (first: test/0/copy.png = train/0/20.png)"
    assert splits.warnings == [expected]


def test_held_and_streamed_have_one_test_hash(folder):
    configs = [DataConfig(source=f"folder:{folder}", memory=memory) for memory in ("hold", "stream")]
    hashes = {make_splits(open_source(config), config, of_label).test_hash for config in configs}
    assert len(hashes) == 1


def test_equal_features_have_one_identity(write):
    source = table(write, [[i % 5, "ab"[i % 2]] for i in range(10)])
    assert identities(source.samples).tolist() == [0, 1, 2, 3, 4] * 2


def test_equal_inputs_with_two_labels_warn(write):
    source = table(write, [[i % 39, "ab"[i % 2]] for i in range(40)])
    warnings = make_splits(source, DataConfig(), of_label).warnings
    assert "equal inputs with different labels: 1 (first: t.csv, row 40 = t.csv, row 1)" in warnings


@pytest.mark.parametrize(
    ("num_classes", "largest", "totals"),
    [
        (10, 5000, {10: 20431, 50: 13996, 100: 12406, 200: 11203}),
        (100, 500, {10: 19573, 50: 12608, 100: 10847, 200: 9502}),
    ],
)
def test_published_totals(num_classes, largest, totals):
    for imbalance, total in totals.items():
        counts = long_tail_counts(num_classes, largest, imbalance)
        assert counts.sum() == total
        assert counts.tolist() == oracle.long_tail_counts(num_classes, largest, imbalance)


def test_long_tail_rows():
    index = np.random.default_rng(0).integers(0, 4, 1000)
    before = np.random.get_state()[1].tolist()
    rows = long_tail_rows(index, 4, 10, seed=3)
    assert np.array_equal(rows, long_tail_rows(index, 4, 10, seed=3))
    assert not np.array_equal(rows, long_tail_rows(index, 4, 10, seed=4))
    assert np.random.get_state()[1].tolist() == before
    counts = np.bincount(index[rows])
    assert counts.tolist() == oracle.long_tail_counts(4, counts[0], 10)
    assert (counts <= np.bincount(index)).all()
    with pytest.raises(ConfigError, match="imbalance 5000 leaves class"):
        long_tail_rows(index, 4, 5000, seed=0)


def test_long_tail_of_unequal_classes_keeps_the_profile():
    index = np.repeat([0, 1, 2], [100, 30, 50])
    counts = np.bincount(index[long_tail_rows(index, 3, 4, 0)])
    assert counts.tolist() == [61, 30, 15]  # 61 is the largest n with int(n / 2) <= 30


def real_data():
    folder = os.environ.get("SOFTLABEL_DATA") or None
    needed = ("cifar10n_cifar100n_train.npz", "cifar_lt_indices.npz")
    if folder is None or not all((Path(folder) / name).is_file() for name in needed):
        pytest.skip("SOFTLABEL_DATA names no folder with " + " and ".join(needed))
    return [np.load(Path(folder) / name) for name in needed]


def test_seed_0_gives_the_published_subsets_of_cifar():
    labels, published = real_data()
    for num_classes in (10, 100):
        index = labels[f"c{num_classes}_clean_label"].astype(np.int64)
        for imbalance in (10, 20, 50, 100, 200):
            rows = long_tail_rows(index, num_classes, imbalance, seed=0)
            assert np.array_equal(rows, np.sort(published[f"cifar{num_classes}_if{imbalance}"]))
