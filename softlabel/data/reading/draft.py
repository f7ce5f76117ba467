"""What a source has read but not yet checked as a whole, and the one way from there to a `Source`."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from softlabel.data.annotation import LABEL, AnnotationKind
from softlabel.data.reading.image_table import Subject
from softlabel.data.refusals import Refusals

Annotation = NDArray[np.int64] | NDArray[np.float32] | NDArray[np.uint8]


def no_subject(position: int) -> str:
    """For sources whose refusals are placed by the image's own file name."""
    return ""


@dataclass
class Draft:
    """Columns of one source, row by row; rows that `refusals` knows as bad may hold anything.

    images       structs {bytes, path}; or features (N, D) float32
    named        whether the features have names of their own, not only numbers
    kind         as in `Source`; rows of one label have `labels`, those of any other kind an `annotation`
    labels       text, with `classes` if the source knows them
    annotation   (N, ...) in the type of its kind, with `classes` as in `Source`
    split        (N,) int8, see `Source`; None where the source says nothing
    group        names of what stays in one split, dictionary-encoded; or None
    sample_id    (N,) int64
    """

    name: str
    refusals: Refusals
    sample_id: NDArray[np.int64]
    images: pa.ChunkedArray | None = None
    image_column: str | None = None
    subject: Subject = no_subject
    features: NDArray[np.float32] | None = None
    feature_names: list[str] = field(default_factory=list)
    named: bool = True
    kind: AnnotationKind = LABEL
    labels: pa.Array | None = None
    label_column: str | None = None
    annotation: Annotation | None = None
    annotation_columns: list[str] = field(default_factory=list)
    classes: list[str] | None = None
    split: NDArray[np.int8] | None = None
    group: pa.DictionaryArray | None = None
    group_column: str | None = None
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
