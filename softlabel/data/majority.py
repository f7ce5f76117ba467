"""Votes as one label per row: the class with the most of them."""

from __future__ import annotations

import dataclasses

from softlabel.data.source import Source


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
        annotation_kind="label",
        notes=[*source.notes, note],
    )
