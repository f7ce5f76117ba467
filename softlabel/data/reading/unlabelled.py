"""What `predict` reads: an image file, a folder of images, a table or an array; with the refusals of training data."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from softlabel.data.fitting import Fitting
from softlabel.data.images import FULL_SCALE, MAX_PIXELS
from softlabel.data.reading.columns import matching_columns, one_column, settled_features
from softlabel.data.reading.files import IMAGE_ENDINGS, BadFileError, Root, is_hidden, is_image_name, written
from softlabel.data.reading.given_images import (
    PICTURES,
    Picture,
    picture_names,
    pictures_given,
    read_pictures,
    refuse_pictures,
)
from softlabel.data.reading.given_inputs import ARRAY, TABLE, array_given, feature_columns_of, images_of, table_given
from softlabel.data.reading.image_table import Memory, Subject, check_images, struct_column
from softlabel.data.reading.table_draft import feature_table, image_cells, image_root
from softlabel.data.reading.tables import Table, read_csv, read_parquet
from softlabel.data.refusals import Refusal, Refusals
from softlabel.data.samples import HeldSamples, InputKind, Samples, StreamedSamples
from softlabel.errors import ConfigError, DataError, UnsupportedError
from softlabel.networks.inputs import Fit
from softlabel.text.words import among

UNKNOWN = -100
"""The annotation of every row: the index that labels and losses ignore."""


@dataclass(frozen=True)
class Inputs:
    """Named samples without annotation. names (N,): the file as given, below its folder, or the row of the table."""

    names: list[str]
    samples: Samples
    refused: list[Refusal]
    notes: list[str]


@dataclass(frozen=True)
class Expected:
    """What a network reads: 'image' with shape (C, H, W) or 'features' with shape (D,), and how to get there.

    fit               how images of another size are brought to H x W; None refuses them
    image_column      of a table: paths relative to it or to image_root, or bytes
    white_level       what is white in images of 16 bits
    feature_names     of a table: the features by name, in the order of training; () where they have no names
    feature_columns   of a table: names or patterns, among which the features are
    """

    kind: InputKind
    shape: tuple[int, ...]
    fit: Fit | None = None
    image_column: str | None = None
    feature_names: Sequence[str] = ()
    feature_columns: Sequence[str] = ()
    image_root: str | None = None
    white_level: int = FULL_SCALE
    skip_bad: bool = False
    memory: Memory = "auto"
    max_pixels: int = MAX_PIXELS


def read_inputs(given: object, expected: Expected) -> Inputs:
    """Read what is to be predicted, in the shape the network expects; colours are converted only where it demands it.

    given   the path of an image, a folder or a table (csv, parquet); a data frame or Arrow table, whose columns are
            found by name as those of a file; an array (N, D) of features, by place, or uint8 (N, C, H, W) of images;
            or pictures: a Pillow image, an array (H, W) or (H, W, 3), or a list of these and of paths

    Raises RefusedRowsError (a DataError) for inputs that cannot be used, UnsupportedError when images are given to a
    network of features, ConfigError when a table's columns are not named.
    """
    if isinstance(given, str | os.PathLike):
        return _read_path(os.fspath(given), expected)
    pictures = pictures_given(given) if expected.kind == "image" or not isinstance(given, np.ndarray) else None
    if pictures is not None:
        return _read_pictures(pictures, expected)
    table = table_given(given)
    if table is None:
        return _read_array(array_given(given), expected)
    return _from_table(_numbered(table.select(_columns(table.column_names, TABLE, expected))), TABLE, "", expected)


def _read_path(path: str, expected: Expected) -> Inputs:
    if os.path.isdir(path):
        return _read_folder(path, expected)
    if not os.path.exists(path):
        raise DataError(f"{path}: does not exist, expected an image, a folder of images, or a table (csv, parquet)")
    ending = os.path.splitext(path)[1].lower()
    if ending in (".csv", ".tsv", ".txt"):
        return _read_table(path, read_csv, expected)
    if ending in (".parquet", ".pq"):
        return _read_table(path, read_parquet, expected)
    return _read_files(path, os.path.dirname(path) or ".", [os.path.basename(path)], [path], expected, [])


def _read_folder(path: str, expected: Expected) -> Inputs:
    found = [os.path.relpath(os.path.join(folder, name), path) for folder, _, names in os.walk(path) for name in names]
    seen = sorted(name for name in found if not any(is_hidden(part) for part in name.split(os.sep)))
    names = [name for name in seen if is_image_name(name)]
    others = [name for name in seen if not is_image_name(name)]
    if not names:
        raise DataError(f"{path}: no images in the folder (files that end in {', '.join(IMAGE_ENDINGS)})")
    left_out = f"files that are no images by their names, left out: {len(others):,} ({among(others, 3)})"
    return _read_files(path, path, names, names, expected, [left_out] if others else [])


def _read_files(
    name: str, folder: str, files: list[str], names: list[str], expected: Expected, notes: list[str]
) -> Inputs:
    if expected.kind != "image":
        raise UnsupportedError(f"{name}: the model reads {_what(expected)}, expected a table (csv, parquet) of them")
    refusals = Refusals(name, len(files), lambda position: (written(names[position]), None))
    root = Root(folder)
    paths: list[str | None] = [None] * len(files)
    for position, file in enumerate(files):
        try:
            paths[position] = root.locate(file)
        except BadFileError as bad:
            refusals.add(position, None, str(bad), f"an image file inside {folder}")
    column = struct_column(None, pa.chunked_array([pa.array(paths, pa.string())]))
    return _images(column, names, np.arange(len(files)), None, lambda position: "", refusals, expected, notes)


def _read_table(path: str, read: Callable[..., Table], expected: Expected) -> Inputs:
    file = os.path.basename(path)
    return _from_table(read(path, lambda columns: _columns(columns, file, expected)), file, path, expected)


def _read_pictures(pictures: list[Picture], expected: Expected) -> Inputs:
    refuse_pictures(expected.kind, _what(expected))
    channels, height, width = expected.shape
    names = picture_names(pictures)
    refusals = Refusals(PICTURES, len(pictures), lambda position: (names[position], None))
    fitting = None if expected.fit is None else Fitting((height, width), expected.fit)
    pixels = read_pictures(
        pictures, (channels, height, width), fitting, refusals, expected.max_pixels, expected.white_level
    )
    refused = refusals.settle(expected.skip_bad)
    return _named(pixels, names, np.arange(len(pictures)), refusals, refused, [])


def _read_array(array: NDArray[Any], expected: Expected) -> Inputs:
    if expected.kind == "features":
        columns = feature_columns_of(array, expected.shape[0])
        by_place = dataclasses.replace(expected, feature_names=columns.column_names, feature_columns=())
        return _from_table(_numbered(columns), ARRAY, "", by_place)
    images = images_of(array, tuple(expected.shape))
    refusals = Refusals(ARRAY, len(images), lambda position: (ARRAY, position + 1))
    names = [f"row {row}" for row in range(1, len(images) + 1)]
    return _named(images, names, np.arange(len(images)), refusals, [], [])


def _numbered(columns: pa.Table) -> Table:
    return Table(columns, np.arange(1, columns.num_rows + 1), [], [])


def _from_table(table: Table, file: str, path: str, expected: Expected) -> Inputs:
    """The inputs of a table that was read from a path, or from nowhere: then image paths start from this folder."""
    refusals = Refusals(file, table.columns.num_rows, lambda position: (file, int(table.rows[position])))
    for refusal in table.ragged:
        refusals.add_outside(refusal)
    names = [f"row {row}" for row in table.rows.tolist()]
    if expected.kind == "features":
        features = feature_table(table.columns, _columns(table.columns.column_names, file, expected), refusals)
        refused = refusals.settle(expected.skip_bad)
        return _named(torch.from_numpy(features), names, table.rows - 1, refusals, refused, table.notes)
    assert expected.image_column is not None
    column = table.columns.column(expected.image_column)
    root = image_root(expected.image_root, path)
    images, subject = image_cells(column, expected.image_column, root, refusals)
    holds_bytes = pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type)
    told = [] if expected.image_root is None or holds_bytes else [f"image paths start from {root.real}"]
    if pa.types.is_string(column.type):
        names = [name or row for name, row in zip(column.to_pylist(), names, strict=True)]
    notes = [*table.notes, *told]
    return _images(images, names, table.rows - 1, expected.image_column, subject, refusals, expected, notes)


def _columns(columns: list[str], file: str, expected: Expected) -> list[str]:
    if expected.kind == "image":
        if expected.image_column is None:
            raise ConfigError(
                f"{file}: --image-column NAME must say where the images are; the columns are {among(columns)}"
            )
        return [one_column(expected.image_column, columns, file)]
    if expected.feature_names:
        return settled_features(expected.feature_names, expected.feature_columns, columns, file)
    if not expected.feature_columns:
        raise ConfigError(
            f"{file}: --feature-columns NAMES must say what the features are; the columns are {among(columns)}"
        )
    found = matching_columns(expected.feature_columns, columns, file)
    if len(found) != expected.shape[0]:
        raise DataError(f"{file}: {len(found):,} feature columns, expected {expected.shape[0]:,} as in training")
    return found


def _images(
    column: pa.ChunkedArray,
    names: list[str],
    sample_id: np.ndarray[tuple[int], np.dtype[np.int64]],
    column_name: str | None,
    subject: Subject,
    refusals: Refusals,
    expected: Expected,
    notes: list[str],
) -> Inputs:
    channels, height, width = expected.shape
    images = check_images(
        column,
        refusals,
        column_name=column_name,
        subject=subject,
        colour="grey" if channels == 1 else "rgb",
        size=(height, width),
        fitting=None if expected.fit is None else Fitting((height, width), expected.fit),
        memory=expected.memory,
        max_pixels=expected.max_pixels,
        white_level=expected.white_level,
    )
    refused = refusals.settle(expected.skip_bad)
    notes = [*notes, *images.notes]
    if images.pixels is not None:
        return _named(torch.from_numpy(images.pixels), names, sample_id, refusals, refused, notes)
    kept = refusals.good
    rows, identifiers = torch.from_numpy(kept), torch.from_numpy(sample_id[kept])
    samples = StreamedSamples(images.encoded, rows, _unknown(len(kept)), identifiers, images.shape, images.fitting)
    return Inputs([names[position] for position in kept.tolist()], samples, refused, notes)


def _named(
    inputs: torch.Tensor,
    names: list[str],
    sample_id: np.ndarray[tuple[int], np.dtype[np.int64]],
    refusals: Refusals,
    refused: list[Refusal],
    notes: list[str],
) -> Inputs:
    kept = refusals.good
    samples = HeldSamples(inputs, torch.from_numpy(kept), _unknown(len(kept)), torch.from_numpy(sample_id[kept]))
    return Inputs([names[position] for position in kept.tolist()], samples, refused, list(notes))


def _unknown(length: int) -> torch.Tensor:
    return torch.full((length,), UNKNOWN, dtype=torch.int64)


def _what(expected: Expected) -> str:
    return f"rows of {expected.shape[0]:,} features" if expected.kind == "features" else "images"
