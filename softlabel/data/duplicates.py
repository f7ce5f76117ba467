"""Rows that are the same input: on both sides of a split they leak, with two labels they contradict each other."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from softlabel.data.digests import SIZE
from softlabel.data.samples import Samples
from softlabel.data.source import TEST, TRAIN, VALIDATION, Source


def identities(samples: Samples) -> NDArray[np.int64]:
    """Numbers (N,): rows of one number are the same stored input, whose number is that of its first row."""
    numbers = np.arange(len(samples))
    sizes = samples.stored_sizes()
    _, size_of, count = torch.unique(sizes, return_inverse=True, return_counts=True)
    rows = (count[size_of] > 1).nonzero().flatten().numpy()  # an input of a size of its own is equal to none
    hashes = samples.digests(rows).view(np.dtype((np.void, SIZE))).reshape(-1)
    _, first, same = np.unique(hashes, return_index=True, return_inverse=True)
    numbers[rows] = rows[first][same]
    return numbers


def duplicate_warnings(source: Source, part: NDArray[np.int8]) -> list[str]:
    """Inputs of the test part that are in another part too, and equal inputs with different class labels."""
    same = identities(source.samples)
    warnings = []
    for name, which in (("training", TRAIN), ("validation", VALIDATION)):
        known, first = np.unique(same[part == which], return_index=True)
        leaking = np.flatnonzero((part == TEST) & np.isin(same, known))
        if len(leaking):
            other = np.flatnonzero(part == which)[first[np.searchsorted(known, same[leaking[0]])]]
            example = _example(source, int(leaking[0]), int(other))
            warnings.append(f"inputs of the test part that are also in the {name} part: {len(leaking):,} ({example})")
    if source.annotation_kind.is_index:
        annotation = source.samples.annotation.numpy()
        contrary = np.flatnonzero(annotation != annotation[same])
        if len(contrary):
            example = _example(source, int(contrary[0]), int(same[contrary[0]]))
            warnings.append(f"equal inputs with different labels: {len(contrary):,} ({example})")
    return warnings


def _example(source: Source, row: int, other: int) -> str:
    place, other_place = (source.place_of(int(source.samples.sample_id[position])) for position in (row, other))
    return f"first: {place} = {other_place}"
