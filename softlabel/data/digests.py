"""Hashes of stored inputs, each computed once, whoever asks: duplicates, folds, fingerprints."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

SIZE = 16
_IN_MEMORY = 8
"""Rows of so many bytes are their own hash."""


class Digests:
    """Hashes of the rows of one store of inputs, shared by all selections of them.

    compute   bytes of SIZE for the row at a position of the store
    """

    def __init__(self, count: int, compute: Callable[[int], bytes]) -> None:
        self._compute = compute
        self._known = np.zeros(count, dtype=bool)
        self._hashes = np.zeros((count, SIZE), dtype=np.uint8)

    def of(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Hashes (n, SIZE) of these rows of the store."""
        for row in np.unique(rows[~self._known[rows]]).tolist():
            self._hashes[row] = np.frombuffer(self._compute(row), dtype=np.uint8)
            self._known[row] = True
        return self._hashes[rows]


def hashed(content: bytes | memoryview) -> bytes:
    """The hash of one input that is held in memory."""
    return hashlib.blake2b(content, digest_size=SIZE).digest()


def row_hashes(table: NDArray[np.generic]) -> NDArray[np.int64]:
    """A number (N,) for every row of a table (N, ...); rows that are equal byte by byte have equal ones."""
    rows = np.ascontiguousarray(table).reshape(len(table), -1)
    if rows.dtype.itemsize * rows.shape[1] == _IN_MEMORY:
        return rows.view(np.int64).reshape(-1)
    content = rows.view(np.uint8)
    hashes = b"".join(hashlib.blake2b(row.data, digest_size=_IN_MEMORY).digest() for row in content)
    return np.frombuffer(hashes, dtype=np.int64)
