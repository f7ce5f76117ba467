"""A vector for each class, from a file that the user gives; matched by the class's name, never by its place."""

from __future__ import annotations

import csv
import math
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from softlabel.data.reading.plain_arrays import plain_arrays
from softlabel.errors import DataError

MOST_BYTES = 2**30

Vectors = dict[str, list[float]]


def read_label_vectors(path: Path, class_names: Sequence[str]) -> Tensor:
    """The vectors of these classes, float64 (K, D), in their order; those of other classes are passed over.

    .csv  a line per class: its name, then the numbers
    .npz  `names` (M,) of text and `vectors` (M, D) of numbers, without pickled objects

    Raises DataError, naming file, line or class, for a file that is something else and for a class that it lacks.
    """
    readers = {".csv": _read_csv, ".npz": _read_npz}
    if path.suffix.lower() not in readers:
        raise DataError(f"{path}: label vectors are read from .csv (name, numbers) or .npz (names, vectors)")
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DataError(f"{path}: more than {MOST_BYTES / 2**30:.0f} GiB, which no label vectors need")
        vectors = readers[path.suffix.lower()](path)
    except OSError as error:
        raise DataError(f"{path}: label vectors cannot be read: {error.strerror or error}") from None
    missing = [name for name in class_names if name not in vectors]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise DataError(f"{path}: no vector for class {missing[0]!r}{more}; expected one for each class, by its name")
    for name in class_names:
        _check(path, name, vectors[name], len(vectors[class_names[0]]))
    return torch.tensor([vectors[name] for name in class_names], dtype=torch.float64)


def _check(path: Path, name: str, vector: Sequence[float], width: int) -> None:
    where = f"{path}, class {name!r}"
    if len(vector) != width or not width:
        raise DataError(f"{where}: {len(vector)} numbers; expected as many for each class, and one at least")
    if not all(math.isfinite(value) for value in vector):
        raise DataError(f"{where}: a number is not finite")
    if not any(vector):
        raise DataError(f"{where}: only zeros, which have no direction")


def _read_csv(path: Path) -> Vectors:
    vectors: Vectors = {}
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            for row in reader:
                if row:
                    _add(vectors, row[0], _numbers(path, reader.line_num, row), f"{path}, line {reader.line_num}")
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: not a CSV file in UTF-8: {error}") from None
    return vectors


def _numbers(path: Path, line: int, row: Sequence[str]) -> list[float]:
    numbers = []
    for column, text in enumerate(row[1:], 2):
        try:
            numbers.append(float(text))
        except ValueError:
            raise DataError(
                f"{path}, line {line}, column {column}: {text!r} is not a number; expected a class's name, then its "
                "vector, and no heading"
            ) from None
    return numbers


def _read_npz(path: Path) -> Vectors:
    try:
        arrays = plain_arrays(path)
        names, values = arrays["names"], arrays["vectors"]
    except KeyError:
        raise DataError(f"{path}: expected the arrays 'names' and 'vectors'") from None
    except (ValueError, EOFError, zipfile.BadZipFile, MemoryError, NotImplementedError, AttributeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: not an .npz file of plain arrays: {reason}") from None
    if not _are_names(names) or not _are_vectors(values) or len(names) != len(values):
        raise DataError(
            f"{path}: names {names.dtype} {names.shape} and vectors {values.dtype} {values.shape}; expected text (M,) "
            "and numbers (M, D)"
        )
    vectors: Vectors = {}
    for name, row in zip(names.tolist(), values.astype(np.float64).tolist(), strict=True):
        _add(vectors, name, row, str(path))
    return vectors


def _are_names(array: Any) -> bool:
    return isinstance(array, np.ndarray) and array.ndim == 1 and array.dtype.kind == "U"


def _are_vectors(array: Any) -> bool:
    return isinstance(array, np.ndarray) and array.ndim == 2 and array.dtype.kind in "fiu"


def _add(vectors: Vectors, name: str, vector: list[float], where: str) -> None:
    if name in vectors:
        raise DataError(f"{where}: a second vector for {name!r}")
    vectors[name] = vector
