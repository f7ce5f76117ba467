"""What is wrong with a draft as a whole, and what may be: classes, training rows, features that never vary."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Hashable, Sequence

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from softlabel.data.reading.draft import Draft
from softlabel.data.source import TRAIN
from softlabel.text.words import among, shown

_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?\s*", re.ASCII)


def empty_training_split(draft: Draft) -> list[str]:
    """The problem that no usable row is for training."""
    good = draft.refusals.good
    if draft.split is None or not len(good) or (draft.split[good] == TRAIN).any():
        return []
    return [f"{draft.refusals.name}: the training split is empty, expected rows of split 'train'"]


def one_class(draft: Draft, classes: list[str], is_final: bool) -> list[str]:
    """The problem that there is nothing to tell apart, once no row can change that (`is_final`)."""
    if draft.kind.numbers:
        return _one_value(draft) if is_final else []
    may_be_more = not is_final and draft.labels is not None and len(pc.unique(draft.labels)) > 1
    if len(classes) > 1 or may_be_more or not len(draft.refusals.good):
        return []
    return [f"{draft.refusals.name}: one class only ({among(classes)}), expected at least two"]


def _one_value(draft: Draft) -> list[str]:
    assert draft.annotation is not None
    values = draft.annotation[draft.refusals.good, : len(draft.classes or []) or 1]
    same = [shown(column[0]) for column in values.T if len(column) and (column == column[0]).all()]
    expected = "expected at least two different ones"
    return [f"{draft.refusals.name}: every row has the value {value}, {expected}" for value in same]


def nothing_to_learn_from(draft: Draft) -> list[str]:
    """Features that do not vary: some are noted, but not all can be so."""
    good = draft.refusals.good
    if draft.features is None or len(good) < 2:
        return []
    features = draft.features[good]
    constant = [draft.feature_names[d] for d in np.flatnonzero(features.min(0) == features.max(0))]
    if len(constant) == features.shape[1]:
        return [f"{draft.refusals.name}: every feature has one value in all rows ({among(constant)}), expected others"]
    if constant:
        draft.notes.append(f"features with one value in all rows: {len(constant):,} ({among(constant, 5)})")
    return []


def class_warnings(
    draft: Draft, annotation: NDArray[np.generic], classes: list[str], split: NDArray[np.int8] | None
) -> list[str]:
    """Classes that look alike, that no training row has, or that are suspiciously many."""
    if draft.kind.numbers:
        return []
    warnings = [_alike(a, b) for a, b in _twins(classes, _as_seen)]
    warnings += [f"classes {shown(a)} and {shown(b)} are one number" for a, b in _twins(classes, _as_number)]
    training = annotation if split is None else annotation[split == TRAIN]
    without = [classes[k] for k in np.flatnonzero(~draft.kind.seen(training, len(classes)))]
    if without:
        warnings.append(f"{draft.kind.unseen} for {among(without)}")
    if draft.kind.is_index and len(training) >= 20 and 2 * len(classes) > len(training):
        warnings.append(f"{len(classes):,} classes for {len(training):,} training rows: is this column the label?")
    return warnings


def _twins(classes: Sequence[str], reading: Callable[[str], Hashable]) -> list[tuple[str, str]]:
    first: dict[Hashable, str] = {}
    pairs = [(first.setdefault(reading(name), name), name) for name in classes]
    return [(a, b) for a, b in pairs if a != b]


def _as_seen(name: str) -> str:
    """A name as a person sees it: without spaces around it, case, invisible characters and ways to encode a letter."""
    visible = (mark for mark in unicodedata.normalize("NFKC", name) if unicodedata.category(mark) != "Cf")
    return "".join(visible).strip().casefold()


def _as_number(name: str) -> Hashable:
    """A name as the number that it writes ('1' and '1.0' are one), or itself."""
    return float(name) if _NUMBER.fullmatch(name) else name


def _alike(a: str, b: str) -> str:
    if a.strip().casefold() == b.strip().casefold():
        return f"classes {shown(a)} and {shown(b)} differ only in spaces or case"
    return f"classes {a!a} and {b!a} look alike: they differ only in how characters are encoded"
