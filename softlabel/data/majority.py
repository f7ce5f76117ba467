"""Votes as one label per row: the class with the most of them."""

from __future__ import annotations

import dataclasses

from softlabel.data.annotation import LABEL, AnnotationKind
from softlabel.data.source import Source


def annotated_as(source: Source, kind: AnnotationKind) -> Source:
    """The source as one of this kind, where that is one label per row and it has votes; any other as it is."""
    return majority_labels(source) if kind.is_index and source.annotation_kind.are_votes else source


def majority_labels(source: Source) -> Source:
    """The source with labels int64 (N,) in the place of votes (N, K); of classes with equally many votes, the first.

    Splits, rows and their order stay. A note says how many rows had no single class with the most votes.
    """
    votes = source.samples.annotation
    most = votes.max(1, keepdim=True).values
    ties = int(((votes == most).sum(1) > 1).sum())
    note = f"labels are the class with the most votes; {ties:,} rows had several, and got the first of them"
    return dataclasses.replace(
        source,
        samples=source.samples.annotated(votes.argmax(1)),
        annotation_kind=LABEL,
        notes=[*source.notes, note],
    )
