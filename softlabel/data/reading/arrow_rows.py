"""The checked rows of a draft as a Hugging Face dataset."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from softlabel.data.arrow import datasets
from softlabel.data.reading.draft import Draft
from softlabel.data.source import SPLIT_NAMES


def arrow_rows(
    draft: Draft, annotation: NDArray[np.generic], classes: list[str], kept: NDArray[np.int64]
) -> datasets.Dataset:
    """The rows at positions `kept` as an Arrow dataset; what is memory-mapped stays so."""
    columns: dict[str, pa.Array | pa.ChunkedArray] = {}
    features: dict[str, object] = {}
    if draft.images is not None:
        columns["image"], features["image"] = draft.images, datasets.Image(decode=False)
    else:
        assert draft.features is not None
        width = draft.features.shape[1]
        columns["features"] = pa.FixedSizeListArray.from_arrays(pa.array(draft.features.ravel()), width)
        features["features"] = datasets.List(datasets.Value("float32"), length=width)
    kind = draft.kind
    for name, numbers in zip(kind.fields, annotation.T, strict=False):
        columns[name] = pa.array(numbers, mask=np.isnan(numbers))
        features[name] = datasets.Value(str(annotation.dtype))
    if kind.is_index:
        columns[kind.name], features[kind.name] = pa.array(annotation), datasets.ClassLabel(names=classes)
    elif not kind.fields:
        columns[kind.name], features[kind.name] = _nested(annotation)
    if draft.split is not None:
        columns["split"], features["split"] = (
            pa.array(draft.split, pa.int64()),
            datasets.ClassLabel(names=list(SPLIT_NAMES)),
        )
    info = datasets.DatasetInfo(features=datasets.Features(features))
    table = pa.table(columns).cast(info.features.arrow_schema)
    dataset = datasets.Dataset(datasets.table.InMemoryTable(table), info=info)
    return dataset if len(kept) == len(dataset) else dataset.select(kept)


def _nested(annotation: NDArray[np.generic]) -> tuple[pa.Array, object]:
    """An array (N, ...) as a column of lists of fixed lengths, and its feature."""
    column, feature = pa.array(annotation.ravel()), datasets.Value(str(annotation.dtype))
    for length in annotation.shape[:0:-1]:
        column = pa.FixedSizeListArray.from_arrays(column, length)
        feature = datasets.List(feature, length=length)
    return column, feature
