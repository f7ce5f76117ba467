"""The folds of a run: each is what the run was, without the rows of the fold, which are its test part instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from softlabel.data.duplicates import identities
from softlabel.data.fingerprint import fingerprint_of
from softlabel.data.samples import Samples
from softlabel.data.splitting.folds import NEVER, dealt
from softlabel.data.splitting.splits import Splits, hash_of
from softlabel.tasks.prepared import Prepared, input_statistics


@dataclass(frozen=True)
class Folds:
    """The rows of a run that are not test rows, training rows first, and the fold that holds each out.

    samples    M rows with the labels that the run trained on
    training   (M,) whether a row is of the run's training part; the others are of its validation part
    fold       (M,) 0 to count - 1; NEVER for rows that every fold needs
    """

    prepared: Prepared
    samples: Samples
    training: NDArray[np.bool_]
    fold: NDArray[np.int64]
    count: int

    @property
    def reviewed(self) -> NDArray[np.int64]:
        """The rows that some fold holds out."""
        return np.flatnonzero(self.fold != NEVER)

    def __getitem__(self, number: int) -> Prepared:
        """What the run of one fold is trained on, selects on, and answers (its test part)."""
        outside = self.fold != number
        training = self._part(self.training & outside)
        validation = self._part(~self.training & outside)
        test = self._part(~outside)
        source, task = self.prepared.source, self.prepared.task
        splits = Splits(
            training=training,
            validation=validation if len(validation) else None,
            test=test,
            fingerprint=fingerprint_of(source, training, validation if len(validation) else None, test),
            notes=[f"fold {number + 1} of {self.count}: its rows are the test part here"],
            test_hash=hash_of(test, source.class_names),
        )
        counts = task.class_counts(training.annotation)
        inputs = input_statistics(training, source.feature_names)
        return Prepared(self.prepared.config, source, task, splits, counts, inputs)

    def _part(self, rows: NDArray[np.bool_]) -> Samples:
        return self.samples.select(torch.from_numpy(np.flatnonzero(rows)))


def folds_of(prepared: Prepared, count: int) -> Folds:
    """Deal the training and the validation part of a run to folds, each part by itself.

    Rows of one group and equal inputs stay together, or a model would have seen what it is to judge. The only training
    row of a class stays in every fold, as does the only validation row; validation rows of a class that has no training
    rows are left out too, for no model could know their class.
    """
    source, task, splits = prepared.source, prepared.task, prepared.splits
    parts = [splits.training] if splits.validation is None else [splits.training, splits.validation]
    annotation = torch.cat([part.annotation for part in parts])
    positions = np.searchsorted(source.samples.sample_id.numpy(), torch.cat([part.sample_id for part in parts]).numpy())
    samples = source.samples.select(torch.from_numpy(positions)).annotated(annotation)
    training = np.arange(len(samples)) < len(splits.training)
    strata = task.stratify(annotation)
    groups = identities(samples) if source.group is None else source.group.numpy()[positions]
    address = (prepared.config.split_seed, "review")
    fold = np.full(len(samples), NEVER, dtype=np.int64)
    fold[training] = dealt(strata[training], groups[training], count, (*address, "training"), keep_single=True)
    fold[~training] = _validation_folds(strata, groups, training, count, address)
    _join(fold, groups, training)
    return Folds(prepared, samples, training, fold, count)


def _validation_folds(
    strata: NDArray[Any], groups: NDArray[np.int64], training: NDArray[np.bool_], count: int, address: tuple[int, str]
) -> NDArray[np.int64]:
    if len(np.unique(groups[~training])) < 2:
        return np.full(int((~training).sum()), NEVER, dtype=np.int64)
    fold = dealt(strata[~training], groups[~training], count, (*address, "validation"), keep_single=False)
    fold[~np.isin(strata[~training], strata[training])] = NEVER
    return fold


def _join(fold: NDArray[np.int64], groups: NDArray[np.int64], training: NDArray[np.bool_]) -> None:
    """Validation rows that equal a training row go where that one goes, in place."""
    known, first = np.unique(groups[training], return_index=True)
    place = np.searchsorted(known, groups).clip(max=len(known) - 1)
    also = ~training & (known[place] == groups)
    fold[also] = fold[training][first[place[also]]]
