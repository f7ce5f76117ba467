"""Inputs that a program holds already: a data frame or Arrow table with named columns, or an array of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from softlabel.errors import DataError

TABLE, ARRAY = "the table", "the array"
_EXPECTED = "expected a path, a data frame, an Arrow table, or an array"


def table_given(given: object) -> pa.Table | None:
    """A pandas or other data frame, or an Arrow table, as an Arrow table without its index; None for anything else.

    Raises DataError for a column that Arrow cannot hold, or names that occur twice.
    """
    try:
        if hasattr(given, "iloc") and hasattr(given, "columns"):  # of pandas, whose stream would bring the index along
            return pa.Table.from_pandas(given, preserve_index=False)
        return pa.table(given) if hasattr(given, "__arrow_c_stream__") else None
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise DataError(f"{TABLE}: cannot be read ({' '.join(str(error).split())[:200]})") from None


def array_given(given: object) -> NDArray[Any]:
    """A NumPy array, a tensor, or lists of rows, as an array of numbers. Raises DataError for anything else."""
    if not isinstance(given, torch.Tensor | np.ndarray | list | tuple):
        raise DataError(f"inputs of type {type(given).__name__}, {_EXPECTED}")
    if isinstance(given, torch.Tensor):
        given = given.detach().cpu().to_dense()
        given = given.double() if given.is_floating_point() else given  # NumPy has no bfloat16
    try:
        array: NDArray[Any] = np.asarray(given)
    except ValueError as error:
        raise DataError(f"{ARRAY}: rows of different lengths ({' '.join(str(error).split())[:100]})") from None
    if array.dtype.kind not in "fiub":
        raise DataError(f"{ARRAY}: holds values of type {array.dtype}, expected numbers")
    return array


def feature_columns_of(array: NDArray[Any], width: int) -> pa.Table:
    """The columns of an array (N, width) by their place, from 1. Raises DataError for another shape."""
    if array.ndim != 2 or array.shape[1] != width:
        raise DataError(f"{ARRAY}: shape {array.shape}, expected (N, {width}), the features in the order of training")
    columns = [pa.array(column.astype(np.float64)) for column in array.T]
    return pa.table(columns, names=[f"column {place}" for place in range(1, width + 1)])


def images_of(array: NDArray[Any], shape: tuple[int, ...]) -> torch.Tensor:
    """Images uint8 (N, C, H, W). Raises DataError for another shape or type."""
    if array.dtype != np.uint8 or array.shape[1:] != shape:
        expected = f"uint8 of shape (N, {', '.join(map(str, shape))})"
        raise DataError(f"{ARRAY}: {array.dtype} of shape {array.shape}, expected {expected}")
    return torch.from_numpy(np.ascontiguousarray(array))
