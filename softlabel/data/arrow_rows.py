"""The checked rows of a draft as a Hugging Face dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from softlabel.data.arrow import datasets
from softlabel.data.source import SPLIT_NAMES

if TYPE_CHECKING:
    from softlabel.data.draft import Draft


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
    if annotation.ndim == 1:
        columns["label"], features["label"] = pa.array(annotation), datasets.ClassLabel(names=classes)
    else:
        columns["votes"] = pa.FixedSizeListArray.from_arrays(pa.array(annotation.ravel()), len(classes))
        features["votes"] = datasets.List(datasets.Value("float32"), length=len(classes))
    if draft.split is not None:
        columns["split"], features["split"] = (
            pa.array(draft.split, pa.int64()),
            datasets.ClassLabel(names=list(SPLIT_NAMES)),
        )
    info = datasets.DatasetInfo(features=datasets.Features(features))
    table = pa.table(columns).cast(info.features.arrow_schema)
    dataset = datasets.Dataset(datasets.table.InMemoryTable(table), info=info)
    return dataset if len(kept) == len(dataset) else dataset.select(kept)
