"""What a source hands on: checked samples, their classes, and all that a person should know of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor

from softlabel.data.annotation import AnnotationKind
from softlabel.data.arrow import datasets
from softlabel.data.refusals import Place, Refusal
from softlabel.data.samples import Samples
from softlabel.networks.inputs import Fit

TRAIN, VALIDATION, TEST = 0, 1, 2
SPLIT_NAMES = ("train", "validation", "test")


@dataclass(frozen=True)
class Source:
    """Checked data.

    name             short, fit for a folder name
    description      one line: rows, kind of input, classes
    samples          all rows that can be used
    annotation_kind  what `samples.annotation` holds
    class_names      (K,) in the order of the class indices; of two values the names of the columns; empty for one
    split            (N,) int8, 0 train, 1 validation, 2 test; None where the source says nothing of splits
    group            (N,) int64, rows of one number stay in one split; None where every row stands alone
    warnings         what may be a mistake in the data
    notes            what was decided while reading
    refused          rows that were left out, with the reason
    feature_names    columns of the features, in order; empty for images, and for features without names
    annotation_columns  those of votes, levels or several values, in order; empty for one label or value
    fit              how images of other sizes were brought to one; None where all had it
    dataset          the same rows as a Hugging Face dataset: image or features, annotation, split
    place            file and row of a sample_id
    """

    name: str
    description: str
    samples: Samples
    annotation_kind: AnnotationKind
    class_names: list[str]
    split: Tensor | None
    dataset: datasets.Dataset
    place: Callable[[int], Place]
    group: Tensor | None = None
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    feature_names: list[str] = field(default_factory=list)
    annotation_columns: list[str] = field(default_factory=list)
    fit: Fit | None = None

    def place_of(self, sample_id: int) -> str:
        """Where a sample comes from, for people: 'cat/7.png' or 'faces.csv, row 12'."""
        file, row = self.place(sample_id)
        return file if row is None else f"{file}, row {row}"
