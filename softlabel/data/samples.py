"""Samples of a source: held in memory, or decoded on demand; both give the same tensors."""

from __future__ import annotations

import hashlib
import io
import os
from typing import Literal, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray
from torch import Tensor

from softlabel.data.digests import SIZE, Digests, hashed
from softlabel.data.fitting import Fitting
from softlabel.data.images import FULL_SCALE, BadImageError, Colour, Encoded, decode
from softlabel.errors import DataError

InputKind = Literal["image", "features"]
_SMALL = 65_536


class Samples(Protocol):
    """Inputs and annotations of one part of a source.

    annotation   (N, ...), see `Source`
    sample_id    (N,) int64, the row in the source, from 0; a table's row number less 1
    input_kind   'image': uint8 of input_shape (C, H, W); 'features': float32 of input_shape (D,)
    streamed     True when `read` is slow and worth doing ahead of time
    """

    annotation: Tensor
    sample_id: Tensor
    input_kind: InputKind
    input_shape: tuple[int, ...]
    streamed: bool

    def __len__(self) -> int: ...

    def read(self, rows: Tensor) -> Tensor:
        """Inputs at these positions, (n, *input_shape). Raises DataError for an image that cannot be decoded."""

    def select(self, rows: Tensor) -> Samples:
        """The samples at these positions, without copying inputs."""

    def annotated(self, annotation: Tensor) -> Samples:
        """The same inputs with other annotations."""

    def stored_sizes(self) -> Tensor:
        """Bytes of each stored input, (N,) int64: inputs of different sizes cannot be equal."""

    def digests(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Hashes (n, 16) of the stored inputs at these positions, each computed once: of pixels or features where they
        are held, of the encoded file where streamed."""


class HeldSamples:
    """Samples whose inputs lie in one tensor (M, *input_shape); `rows` (N,) says which of them these are."""

    streamed = False

    def __init__(
        self, inputs: Tensor, rows: Tensor, annotation: Tensor, sample_id: Tensor, digests: Digests | None = None
    ) -> None:
        self._inputs = inputs
        self._rows = rows
        self._digests = digests or _held_digests(inputs)
        self.annotation = annotation
        self.sample_id = sample_id
        self.input_kind: InputKind = "image" if inputs.dtype == torch.uint8 else "features"
        self.input_shape = tuple(inputs.shape[1:])

    def __len__(self) -> int:
        return len(self._rows)

    def read(self, rows: Tensor) -> Tensor:
        return self._inputs.index_select(0, self._rows[rows])

    def select(self, rows: Tensor) -> HeldSamples:
        return HeldSamples(self._inputs, self._rows[rows], self.annotation[rows], self.sample_id[rows], self._digests)

    def annotated(self, annotation: Tensor) -> HeldSamples:
        return HeldSamples(self._inputs, self._rows, annotation, self.sample_id, self._digests)

    def stored_sizes(self) -> Tensor:
        return torch.full((len(self),), self._inputs[:1].nbytes)

    def digests(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        return self._digests.of(self._rows.numpy()[rows])


class EncodedImages:
    """The encoded images of an Arrow column of structs {bytes, path}, by row: the bytes, or else the path.

    max_pixels   none is decoded that has more
    white_level  what is white in images of 16 bits
    """

    def __init__(self, column: pa.ChunkedArray, max_pixels: int, white_level: int = FULL_SCALE) -> None:
        self.column = column
        self.max_pixels = max_pixels
        self.white_level = white_level
        self._paths = _one_chunk(pc.struct_field(column, "path"))
        self._contents = _one_chunk(pc.struct_field(column, "bytes"))
        self._all_paths = self._contents.null_count == len(column)
        self.digests = Digests(len(column), self._digest)

    def __len__(self) -> int:
        return len(self.column)

    def __getitem__(self, row: int) -> Encoded:
        encoded: Encoded | None = None if self._all_paths else self._contents[row].as_py()
        return self._paths[row].as_py() if encoded is None else encoded

    def _digest(self, row: int) -> bytes:
        encoded = self[row]
        if isinstance(encoded, bytes):
            return hashed(encoded)
        with io.FileIO(encoded) as file:
            start = file.read(_SMALL)
            if len(start) < _SMALL:  # the whole file: one read is much faster than many
                return hashed(start)
            file.seek(0)
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=SIZE)).digest()


class StreamedSamples:
    """Image samples that are decoded when they are read."""

    streamed = True
    input_kind: InputKind = "image"

    def __init__(
        self,
        images: EncodedImages,
        rows: Tensor,
        annotation: Tensor,
        sample_id: Tensor,
        shape: tuple[int, int, int],
        fitting: Fitting | None = None,
    ) -> None:
        self._images = images
        self._rows = rows
        self._fitting = fitting
        self._colour: Colour = "grey" if shape[0] == 1 else "rgb"
        self.annotation = annotation
        self.sample_id = sample_id
        self.input_shape: tuple[int, ...] = shape

    def __len__(self) -> int:
        return len(self._rows)

    def read(self, rows: Tensor) -> Tensor:
        inputs = np.empty((len(rows), *self.input_shape), dtype=np.uint8)
        for position, row in enumerate(rows.tolist()):
            inputs[position] = self._decoded(row)
        return torch.from_numpy(inputs)

    def select(self, rows: Tensor) -> StreamedSamples:
        return self._with(self._rows[rows], self.annotation[rows], self.sample_id[rows])

    def annotated(self, annotation: Tensor) -> StreamedSamples:
        return self._with(self._rows, annotation, self.sample_id)

    def stored_sizes(self) -> Tensor:
        return torch.tensor([_stored_size(self._images[row]) for row in self._rows.tolist()], dtype=torch.int64)

    def digests(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        return self._images.digests.of(self._rows.numpy()[rows])

    def _decoded(self, row: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        encoded = self._images[int(self._rows[row])]
        where = encoded if isinstance(encoded, str) else f"row {int(self.sample_id[row]) + 1}"
        try:
            pixels = decode(encoded, self._colour, self._fitting, self._images.max_pixels, self._images.white_level)
        except BadImageError as bad:
            raise DataError(f"{where}: {bad.problem}, expected {bad.expected}") from None
        if pixels.shape != self.input_shape:
            raise DataError(f"{where}: changed to {pixels.shape[1]} x {pixels.shape[2]} pixels while it was read")
        return pixels

    def _with(self, rows: Tensor, annotation: Tensor, sample_id: Tensor) -> StreamedSamples:
        channels, height, width = self.input_shape
        return StreamedSamples(self._images, rows, annotation, sample_id, (channels, height, width), self._fitting)


def _one_chunk(column: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
    """A column whose rows are found faster where it has no chunks to search."""
    return column.chunk(0) if column.num_chunks == 1 else column


def _stored_size(encoded: Encoded) -> int:
    return len(encoded) if isinstance(encoded, bytes) else os.stat(encoded).st_size


def _held_digests(inputs: Tensor) -> Digests:
    if not inputs.numel():
        return Digests(len(inputs), lambda row: hashed(b""))
    content = inputs.contiguous().flatten(1).numpy().view(np.uint8)
    return Digests(len(inputs), lambda row: hashed(content[row].data))
