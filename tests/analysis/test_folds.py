"""Folds hold every row out once, keep groups and equal inputs together, and leave every class in training."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from softlabel.analysis.folds import folds_of
from softlabel.data.config import DataConfig
from softlabel.data.splitting.folds import NEVER, dealt
from softlabel.tasks.prepared import Prepared, prepare


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.integers(2, 6), st.booleans(), st.integers(0, 99))
def test_rows_of_a_class_are_dealt_evenly(strata: list[int], folds: int, keep_single: bool, seed: int) -> None:
    fold = dealt(np.array(strata), np.arange(len(strata)), folds, (seed,), keep_single=keep_single)
    sizes = np.zeros(folds, dtype=int)
    for stratum in set(strata):
        own = fold[np.array(strata) == stratum]
        if keep_single and len(own) == 1:
            assert own.tolist() == [NEVER]
            continue
        counts = np.bincount(own, minlength=folds)
        assert counts.max() - counts.min() <= 1
        sizes += counts
    assert sizes.max() - sizes.min() <= 1


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9)), min_size=2, max_size=60), st.integers(2, 4))
def test_groups_stay_whole_and_no_class_is_lost(rows: list[tuple[int, int]], folds: int) -> None:
    strata = np.array([group % 3 for _, group in rows])
    groups = np.array([group for _, group in rows])
    fold = dealt(strata, groups, folds, (0,), keep_single=True)
    assert all(len(set(fold[groups == group])) == 1 for group in set(groups.tolist()))
    for number in range(folds):
        assert set(strata[fold != number].tolist()) == set(strata.tolist())


@pytest.fixture(scope="module")
def digits() -> Prepared:
    return prepare(DataConfig(noise=0.1))


def test_a_fold_is_the_run_without_its_rows(digits: Prepared) -> None:
    folds = folds_of(digits, 4)
    assert digits.splits.validation is not None
    ids = {name: set(getattr(digits.splits, name).sample_id.tolist()) for name in ("training", "validation", "test")}
    seen: list[int] = []
    for number in range(4):
        fold = folds[number].splits
        assert fold.validation is not None
        held_out = set(fold.test.sample_id.tolist())
        assert set(fold.training.sample_id.tolist()) == ids["training"] - held_out
        assert set(fold.validation.sample_id.tolist()) == ids["validation"] - held_out
        assert not held_out & ids["test"]
        assert folds[number].class_counts.sum() == len(fold.training)
        seen += fold.test.sample_id.tolist()
    assert sorted(seen) == sorted(ids["training"] | ids["validation"])


def test_labels_are_those_that_the_run_trained_on(digits: Prepared) -> None:
    folds = folds_of(digits, 3)
    given = dict(zip(folds.samples.sample_id.tolist(), folds.samples.annotation.tolist(), strict=True))
    training = digits.splits.training
    assert [given[row] for row in training.sample_id.tolist()] == training.annotation.tolist()
    own = digits.source.samples.annotation[training.sample_id]
    assert (training.annotation != own).float().mean() > 0.05
    row = int(training.sample_id[7])
    position = folds.samples.sample_id.tolist().index(row)
    torch.testing.assert_close(
        folds.samples.read(torch.tensor([position])), digits.source.samples.read(torch.tensor([row]))
    )


def test_equal_inputs_are_held_out_together(digits: Prepared) -> None:
    twice = torch.arange(len(digits.splits.training)) % 650
    training = digits.splits.training.select(twice).annotated(digits.splits.training.annotation[twice])
    doubled = dataclasses.replace(digits, splits=dataclasses.replace(digits.splits, training=training))
    fold = folds_of(doubled, 5).fold[: len(training)]
    assert all(fold[place] == fold[place + 650] for place in range(len(training) - 650))


def test_a_validation_row_that_equals_a_training_row_goes_with_it(digits: Prepared) -> None:
    training = digits.splits.training
    splits = dataclasses.replace(digits.splits, validation=training.select(torch.arange(100, 160)))
    fold = folds_of(dataclasses.replace(digits, splits=splits), 5).fold
    assert fold[len(training) :].tolist() == fold[100:160].tolist()


def test_groups_of_the_source_are_held_out_together(digits: Prepared) -> None:
    group = torch.arange(len(digits.source.samples)) // 10
    grouped = dataclasses.replace(digits, source=dataclasses.replace(digits.source, group=group))
    folds = folds_of(grouped, 3)
    training = folds.training
    person = group.numpy()[folds.samples.sample_id.numpy()]
    for part in (training, ~training):
        assert all(len(set(folds.fold[part & (person == one)].tolist())) <= 1 for one in set(person.tolist()))


def test_the_only_row_of_a_class_is_never_held_out(digits: Prepared) -> None:
    assert digits.splits.validation is not None
    label = digits.splits.training.annotation
    kept = torch.cat([(label != 3).nonzero().flatten(), (label == 3).nonzero().flatten()[:1]])
    rare = dataclasses.replace(
        digits.splits,
        training=digits.splits.training.select(kept),
        validation=digits.splits.validation.select(torch.arange(1)),
    )
    folds = folds_of(dataclasses.replace(digits, splits=rare), 3)
    held_back = folds.fold == NEVER
    assert held_back.sum() == 2
    assert folds.samples.annotation[torch.from_numpy(held_back)][0] == 3
    assert not folds.training[held_back].all()


def test_published_runs_have_no_validation_rows_to_deal() -> None:
    folds = folds_of(prepare(DataConfig(protocol="published")), 3)
    assert folds.training.all()
    assert folds[0].splits.validation is None


def test_validation_rows_of_an_unseen_class_are_left_out(digits: Prepared) -> None:
    seen = (digits.splits.training.annotation != 3).nonzero().flatten()
    splits = dataclasses.replace(digits.splits, training=digits.splits.training.select(seen))
    folds = folds_of(dataclasses.replace(digits, splits=splits), 3)
    assert set(folds.samples.annotation[torch.from_numpy(folds.fold == NEVER)].tolist()) == {3}
