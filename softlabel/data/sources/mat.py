"""A label-distribution table of the literature (Geng, IEEE TKDE 2016): a .mat file with `features` and `labels`.

    mat:PATH/SJAFFE.mat

`features` (N, D) are numbers, `labels` (N, K) what is true of every row: a distribution over K labels. An array `x` of
K whole numbers names them, as the ages of FG-Net; otherwise they are 1 to K, as the files name none. Rows of
probabilities sum to 1, or are divided by their sum with --normalise (FG-Net's Gaussians are cut at the ends of the
age axis).
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from softlabel.data.annotation import VOTES
from softlabel.data.config import DataConfig
from softlabel.data.reading.columns import vote_table
from softlabel.data.reading.complete import complete
from softlabel.data.reading.draft import Draft
from softlabel.data.reading.table_draft import feature_table
from softlabel.data.reading.tables import existing_file
from softlabel.data.refusals import Refusals
from softlabel.data.source import Source
from softlabel.errors import DataError
from softlabel.text.words import among

ARRAYS = ("features", "labels")
NAMES = "x"


def read(config: DataConfig, argument: str) -> Source:
    """The rows of a .mat file of version 4 to 7.2."""
    path = existing_file(argument, "mat")
    file = os.path.basename(path)
    features, distributions, classes = _arrays(path, file)
    rows = len(features)
    refusals = Refusals(file, rows, lambda position: (file, position + 1))
    feature_names = [f"feature_{d}" for d in range(1, features.shape[1] + 1)]
    votes = vote_table(_columns(distributions), [f"label {name}" for name in classes], config.normalise, refusals)
    draft = Draft(
        name=os.path.splitext(file)[0],
        refusals=refusals,
        sample_id=np.arange(rows),
        features=feature_table(pa.table(_columns(features), names=feature_names), feature_names, refusals),
        feature_names=feature_names,
        named=False,
        kind=VOTES,
        annotation=votes.astype(np.float32),
        classes=classes,
    )
    return complete(draft, config)


def _columns(table: NDArray[np.float64]) -> list[pa.ChunkedArray]:
    return [pa.chunked_array([np.ascontiguousarray(column)]) for column in table.T]


def _arrays(path: str, file: str) -> tuple[NDArray[np.float64], NDArray[np.float64], list[str]]:
    from scipy.io import loadmat

    try:
        stored: dict[str, Any] = loadmat(path, variable_names=(*ARRAYS, NAMES))
    except Exception as error:  # damaged files fail in many ways
        raise DataError(f"{file}: cannot be read as a .mat file ({' '.join(str(error).split())[:120]})") from None
    found = [stored.get(name) for name in ARRAYS]
    for name, array in zip(ARRAYS, found, strict=True):
        if array is None:
            there = among([key for key in stored if not key.startswith("__")]) or "none"
            raise DataError(f"{file}: no array {name!r}, expected 'features' and 'labels'; there are {there}")
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub" or array.ndim != 2 or not array.size:
            raise DataError(f"{file}: {name} is not a table of numbers, expected rows and columns")
    features, distributions = (np.asarray(array, dtype=np.float64) for array in found)
    if len(features) != len(distributions):
        raise DataError(f"{file}: {len(features):,} rows of features, but {len(distributions):,} of labels")
    return features, distributions, _class_names(stored.get(NAMES), distributions.shape[1])


def _class_names(axis: Any, count: int) -> list[str]:
    numbered = isinstance(axis, np.ndarray) and axis.dtype.kind in "iu" and len(set(axis.flat)) == axis.size == count
    return [str(number) for number in (axis.ravel().tolist() if numbered else range(1, count + 1))]
