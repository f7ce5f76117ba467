"""What a model was trained on, row by row, so that data that have changed since are told from those that have not."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softlabel.data.config import Columns
from softlabel.data.digests import row_hashes
from softlabel.data.samples import Samples
from softlabel.data.source import Source
from softlabel.text.words import among

PARTS = ("training", "validation", "test")


@dataclass(frozen=True)
class RowHashes:
    """Hashes of the rows of one part, in order.

    inputs, annotation   (N,) int64
    places               (N,) int64, of the numbers that the rows have in the source
    """

    inputs: NDArray[np.int64]
    annotation: NDArray[np.int64]
    places: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True)
class Fingerprint:
    """Names and rows of the parts of a run.

    columns   of the features and of votes, levels or several values, in the order in which they are read
    outside   hashes of what else decides a training by its path alone, by the option that names it
    """

    class_names: tuple[str, ...]
    columns: Columns
    parts: Mapping[str, RowHashes]
    outside: Mapping[str, str] = field(default_factory=dict)

    @property
    def data_hash(self) -> str:
        """One hash of names and rows, without what lies outside of the data."""
        digest = hashlib.blake2b(digest_size=8)
        for names in (self.class_names, self.columns.features, self.columns.annotation):
            digest.update("\x1f".join(names).encode() + b"\x1e")
        for name in PARTS:
            part = self.parts[name]
            digest.update(len(part).to_bytes(8, "little"))
            for values in (part.inputs, part.annotation, part.places):
                digest.update(np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()


def fingerprint_of(source: Source, training: Samples, validation: Samples | None, test: Samples) -> Fingerprint:
    """The fingerprint of a source that was split; inputs are hashed as they are stored, each once."""
    parts = {name: _rows(part) for name, part in zip(PARTS, (training, validation, test), strict=True)}
    columns = Columns(tuple(source.feature_names), tuple(source.annotation_columns))
    return Fingerprint(tuple(source.class_names), columns, parts)


def differences(before: Fingerprint, now: Fingerprint) -> list[str]:
    """What has changed, in words: names, what lies outside, and of every part how many rows."""
    outside = [name for name, digest in before.outside.items() if now.outside.get(name, digest) != digest]
    of_parts = [text for name in PARTS for text in _part(name, before.parts[name], now.parts[name])]
    return [
        *_all_names(before, now),
        *(f"{name} has other contents" for name in outside),
        *(_all_parts(before, now) if of_parts else []),
        *of_parts,
    ]


def scored_differences(before: Fingerprint, now: Fingerprint, part: str) -> tuple[list[str], list[str]]:
    """What decides the scores of a trained model on one part and has changed, and what has changed beside it.

    Other parts decide nothing there, nor do the places of the source at which the same rows stand.
    """
    own = _part(part, before.parts[part], now.parts[part], with_places=False)
    beside = [text for name in PARTS if name != part for text in _part(name, before.parts[name], now.parts[name])]
    return [*_all_names(before, now), *(_all_parts(before, now) if own else []), *own], beside


def _rows(samples: Samples | None) -> RowHashes:
    if samples is None:
        nothing = np.zeros(0, dtype=np.int64)
        return RowHashes(nothing, nothing, nothing)
    digests = samples.digests(np.arange(len(samples)))
    inputs = np.ascontiguousarray(digests[:, :8]).view(np.int64).reshape(-1)
    return RowHashes(inputs, row_hashes(samples.annotation.numpy()), samples.sample_id.numpy())


def _names(what: str, before: Sequence[str], now: Sequence[str]) -> list[str]:
    if list(before) == list(now):
        return []
    if sorted(before) == sorted(now):
        return [f"{what} are in another order ({among(now)}, not {among(before)})"]
    gone, new = ([name for name in some if name not in other] for some, other in ((before, now), (now, before)))
    changes = [f"{among(names)} {word}" for names, word in ((gone, "missing"), (new, "new")) if names]
    return [f"{what} differ ({', '.join(changes)})"]


def _all_names(before: Fingerprint, now: Fingerprint) -> list[str]:
    return [
        *_names("classes", before.class_names, now.class_names),
        *_names("feature columns", before.columns.features, now.columns.features),
        *_names("annotation columns", before.columns.annotation, now.columns.annotation),
    ]


def _part(name: str, before: RowHashes, now: RowHashes, *, with_places: bool = True) -> list[str]:
    """At most one sentence of a part."""
    if np.array_equal(before.inputs, now.inputs):
        labels = int((before.annotation != now.annotation).sum())
        if labels:
            return [f"{name} part: {labels:,} of {len(now):,} labels differ"]
        same_places = not with_places or np.array_equal(before.places, now.places)
        return [] if same_places else [f"{name} part: the same rows stand at other places of the source"]
    common = _common(_pairs([before]), _pairs([now]))
    if common == len(before) == len(now):
        return [f"{name} part: the same rows in another order"]
    if len(before) == len(now):
        return [f"{name} part: {len(before) - common:,} of {len(before):,} rows differ"]
    gone, new = len(before) - common, len(now) - common
    return [f"{name} part: {gone:,} of {len(before):,} rows are not there any more, {new:,} are new"]


def _all_parts(before: Fingerprint, now: Fingerprint) -> list[str]:
    """What has changed of all rows together: one changed label can bring other rows into every part."""
    then, here = ([fingerprint.parts[name] for name in PARTS] for fingerprint in (before, now))
    rows = sum(map(len, then))
    inputs = [np.concatenate([part.inputs for part in parts]) for parts in (then, here)]
    common = _common(_pairs(then), _pairs(here))
    if _common(*inputs) != rows or len(inputs[1]) != rows:
        return []
    if common < rows:
        return [f"{rows - common:,} of all {rows:,} labels differ"]
    return ["all rows are the same, in another order or in other parts"]


def _pairs(parts: Iterable[RowHashes]) -> NDArray[Any]:
    """Inputs with their annotations, as values that can be sorted."""
    return row_hashes(np.concatenate([np.stack([part.inputs, part.annotation], 1) for part in parts]))


def _common(before: NDArray[np.int64], now: NDArray[np.int64]) -> int:
    """How many rows two lots have in common, equal ones as often as both have them."""
    values, counts = np.unique(before, return_counts=True)
    others, other_counts = np.unique(now, return_counts=True)
    _, here, there = np.intersect1d(values, others, assume_unique=True, return_indices=True)
    return int(np.minimum(counts[here], other_counts[there]).sum())
