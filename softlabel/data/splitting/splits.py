"""Training, validation and test part of a source, by two protocols that never meet in one table."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from softlabel.data.annotation import LABEL
from softlabel.data.config import DataConfig
from softlabel.data.duplicates import duplicate_warnings
from softlabel.data.fingerprint import Fingerprint, fingerprint_of
from softlabel.data.samples import Samples
from softlabel.data.source import TEST, TRAIN, VALIDATION, Source
from softlabel.data.splitting.corrections import corrected
from softlabel.data.splitting.groups import held_out_groups
from softlabel.data.splitting.long_tail import long_tail_rows
from softlabel.data.splitting.strata import held_out
from softlabel.data.splitting.wrong_labels import noisy_labels, noisy_values, transition
from softlabel.errors import ConfigError, DataError, UnsupportedError
from softlabel.randomness import Address
from softlabel.text.words import among

Stratify = Callable[[Tensor], NDArray[Any]]
_CHUNK = 1024


@dataclass(frozen=True)
class Splits:
    """The parts of a run.

    validation   None under the published protocol
    notes        how the parts came about
    warnings     what may be a mistake: the same input in two parts, or with two labels
    fingerprint  names and rows of all parts, to be told from changed ones
    test_hash    identifies the test part: its inputs, annotations and class names
    """

    training: Samples
    validation: Samples | None
    test: Samples
    fingerprint: Fingerprint
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    test_hash: str = ""


def make_splits(source: Source, config: DataConfig, stratify: Stratify) -> Splits:
    """Split a source, then change its training part as asked.

    The order: the source's own test part, or a stratified share of all rows; under 'hold-out' the source's own
    validation part, or of every training stratum of n rows min(max(1, round(share n)), n - 1), whole groups where the
    source has groups; then, on what is left for training only, the share that is kept (of every stratum, the same rows
    and more where it is larger), the long tail and the label noise; last, the labels that a person corrected, of no
    test row. 'published' trains on all training rows, without validation.
    `stratify` maps annotations to one integer per row: the class, the class with most votes, a quantile bin.

    Raises DataError for an empty part, ConfigError or UnsupportedError where long tail or noise do not fit.
    """
    notes: list[str] = []
    strata = stratify(source.samples.annotation)
    part = _test_part(source, config, strata, notes)
    _validation_part(source, config, strata, part, notes)
    training, validation, test = (source.samples.select(_rows(part, which)) for which in (TRAIN, VALIDATION, TEST))
    for name, samples in (("training", training), ("test", test)):
        if not len(samples):
            raise DataError(f"{source.name}: the {name} split is empty, expected at least one row")
    if config.protocol == "hold-out" and not len(validation):
        raise DataError(
            f"{source.name}: the validation split is empty, expected a class with at least two training rows"
        )
    warnings = duplicate_warnings(source, part)
    training = _with_fewer(training, config, stratify, notes)
    training = _with_long_tail(training, source, config, stratify, notes)
    training = _with_noise(training, source, config, notes)
    (training, validation), told = corrected([training, validation], test, source, config)
    notes += told
    return Splits(
        training=training,
        validation=validation if len(validation) else None,
        test=test,
        fingerprint=fingerprint_of(source, training, validation if len(validation) else None, test),
        notes=notes,
        warnings=warnings,
        test_hash=hash_of(test, source.class_names),
    )


def _test_part(source: Source, config: DataConfig, strata: NDArray[Any], notes: list[str]) -> NDArray[np.int8]:
    """The part of every row as far as test goes: the source's, or a stratified share of its rows."""
    part = np.zeros(len(source.samples), dtype=np.int8) if source.split is None else source.split.numpy().copy()
    if (part == TEST).any():
        notes.append("test part: the source's own")
        return part
    free = np.flatnonzero(part == TRAIN)
    chosen, single = _drawn(source, strata, free, config.test_share, (config.split_seed, "split", "test"))
    part[free[chosen]] = TEST
    notes.append(
        f"test part: {int(chosen.sum()):,} rows drawn by stratum ({config.test_share:.0%}), seed {config.split_seed}"
    )
    _list_single(source, single, "test", notes)
    return part


def _validation_part(
    source: Source, config: DataConfig, strata: NDArray[Any], part: NDArray[np.int8], notes: list[str]
) -> None:
    """Mark validation rows, in place."""
    given = part == VALIDATION
    if config.protocol == "published":
        part[given] = -1
        own = f"; {int(given.sum()):,} validation rows of the source are not used" if given.any() else ""
        notes.append(f"protocol published: all training rows, nothing is selected{own}")
        return
    if given.any():
        notes.append("protocol hold-out: the source's own validation part")
        return
    free = np.flatnonzero(part == TRAIN)
    address = (config.split_seed, "split", "validation")
    chosen, single = _drawn(source, strata, free, config.validation_share, address)
    part[free[chosen]] = VALIDATION
    share = f"{config.validation_share:.0%} of a {'class' if source.class_names else 'stratum'}"
    notes.append(f"protocol hold-out: {int(chosen.sum()):,} rows of {len(free):,} for validation ({share})")
    _list_single(source, single, "validation", notes)


def _drawn(
    source: Source, strata: NDArray[Any], free: NDArray[np.int64], share: float, address: tuple[Address, ...]
) -> tuple[NDArray[np.bool_], list[int]]:
    """Which of the free rows are held out, and the strata of one row; of groups, whole ones and strata of one group."""
    if source.group is None:
        return held_out(strata[free], share, address)
    return held_out_groups(strata[free], source.group.numpy()[free], share, address)


def _list_single(source: Source, single: list[int], part: str, notes: list[str]) -> None:
    if single:
        named = source.annotation_kind.strata_are_classes
        names = [source.class_names[k] if named else f"stratum {k}" for k in single]
        what = "row" if source.group is None else "group"
        notes.append(f"one {what} only, which is for training: {among(names)} (not in the {part} part)")


def _rows(part: NDArray[np.int8], which: int) -> Tensor:
    return torch.from_numpy(np.flatnonzero(part == which))


def _with_fewer(training: Samples, config: DataConfig, stratify: Stratify, notes: list[str]) -> Samples:
    if config.training_share is None:
        return training
    address = (config.split_seed, "training share")
    left_out, _ = held_out(stratify(training.annotation), 1 - config.training_share, address)
    kept = training.select(torch.from_numpy(np.flatnonzero(~left_out)))
    notes.append(f"training part made smaller: {len(kept):,} of {len(training):,} rows ({config.training_share:.3g})")
    return kept


def _with_long_tail(
    training: Samples, source: Source, config: DataConfig, stratify: Stratify, notes: list[str]
) -> Samples:
    if config.imbalance is None:
        return training
    kind = source.annotation_kind
    if not kind.strata_are_classes:
        raise ConfigError(f"imbalance: {source.name} has {kind.instead_of_class}, and a long tail needs one class")
    index = stratify(training.annotation)
    kept = long_tail_rows(index, len(source.class_names), config.imbalance, config.split_seed)
    counts = np.bincount(index[kept], minlength=len(source.class_names))
    notes.append(
        f"training part made long-tailed: {len(kept):,} of {len(training):,} rows, from {counts.max():,} to"
        f" {counts.min():,} a class (imbalance {config.imbalance:g})"
    )
    return training.select(torch.from_numpy(kept))


def _with_noise(training: Samples, source: Source, config: DataConfig, notes: list[str]) -> Samples:
    if config.noise == 0:
        return training
    kind = source.annotation_kind
    if kind.numbers:
        return _with_wrong_values(training, source, config, notes)
    if not kind.strata_are_classes:
        raise ConfigError(f"noise: {source.name} has {kind.instead_of_class}, and wrong labels replace one class")
    if not kind.is_index:
        raise UnsupportedError(f"{source.name} has {kind.has}: label noise needs {LABEL.given}")
    matrix = transition(config.noise_kind, len(source.class_names), config.noise)
    noisy = noisy_labels(training.annotation, matrix, config.split_seed)
    changed = int((noisy != training.annotation).sum())
    notes.append(
        f"{config.noise_kind} label noise: {changed:,} of {len(training):,} training labels are wrong on purpose"
    )
    return training.annotated(noisy)


def _with_wrong_values(training: Samples, source: Source, config: DataConfig, notes: list[str]) -> Samples:
    if config.noise_kind != "symmetric":
        has = source.annotation_kind.given
        raise ConfigError(f"noise_kind: {source.name} has {has}, and {config.noise_kind} noise needs classes")
    annotation = training.annotation.clone()
    values = annotation[:, : len(source.class_names) or 1]  # the spread of a value stays with its row
    noisy = noisy_values(values, config.noise, config.split_seed)
    changed = int((noisy != values).any(1).sum())
    values.copy_(noisy)
    notes.append(f"symmetric noise: {changed:,} of {len(training):,} training values are wrong on purpose")
    return training.annotated(annotation)


def hash_of(test: Samples, class_names: list[str]) -> str:
    """A hash of what is predicted and measured; the same whether inputs are held or streamed."""
    digest = hashlib.sha256("\x1f".join(class_names).encode())
    for rows in torch.split(torch.arange(len(test)), _CHUNK):
        digest.update(test.read(rows).numpy().tobytes())
    digest.update(test.annotation.numpy().tobytes())
    return digest.hexdigest()[:16]
