"""From labels as text to class indices; every other annotation already has its classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from softlabel.data.reading.columns import in_order, nearest
from softlabel.data.reading.draft import Annotation, Draft
from softlabel.data.source import TRAIN
from softlabel.text.words import shown


def annotation_of(draft: Draft) -> tuple[Annotation, list[str]]:
    """The annotation of all rows, and the classes; labels that are none of them are refused."""
    if draft.annotation is not None:
        assert draft.classes is not None
        assert draft.kind.fits(draft.annotation)
        return draft.annotation, draft.classes
    assert draft.labels is not None
    return _class_indices(draft, draft.labels)


def _class_indices(draft: Draft, labels: pa.Array) -> tuple[NDArray[np.int64], list[str]]:
    """The class index of every row; the classes are those of the training rows. Other labels are refused."""
    encoded = labels.dictionary_encode()
    names: list[str | None] = encoded.dictionary.to_pylist()
    codes = pc.fill_null(encoded.indices, 0).to_numpy(zero_copy_only=False)
    classes = draft.classes if draft.classes is not None else _training_classes(draft, codes, names)
    position_of = {name: k for k, name in enumerate(classes)}
    index_of = np.array([position_of.get(name or "", -1) for name in names] or [0], dtype=np.int64)
    index = index_of[codes]
    for position in np.flatnonzero((index < 0) & ~draft.refusals.bad).tolist():
        name = names[codes[position]]
        expected = "one of the classes" + (" of the training rows" if draft.classes is None else "")
        draft.refusals.add(
            position, draft.label_column, f"unknown label {shown(name)}", expected + nearest(name or "", classes)
        )
    return index.clip(min=0), classes


def _training_classes(draft: Draft, codes: NDArray[np.int64], names: Sequence[str | None]) -> list[str]:
    training = ~draft.refusals.bad
    if draft.split is not None:
        training &= draft.split == TRAIN
    return in_order([name for name in (names[code] for code in np.unique(codes[training])) if name])
