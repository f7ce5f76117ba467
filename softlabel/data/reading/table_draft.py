"""From the columns of a table, as the options name them, to a draft: shared by csv, parquet and hub."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from softlabel.data.config import DataConfig, settled_columns
from softlabel.data.reading.annotation_columns import annotate, annotation_columns, check_annotation_options
from softlabel.data.reading.columns import float32_numbers, labels, matching_columns, one_column, settled_features
from softlabel.data.reading.draft import Draft
from softlabel.data.reading.files import Root
from softlabel.data.reading.image_table import Subject, images_at, struct_column
from softlabel.data.reading.split_names import part_named, reading_notes
from softlabel.data.reading.tables import Table
from softlabel.data.refusals import Refusals
from softlabel.data.source import SPLIT_NAMES
from softlabel.errors import ConfigError, DataError
from softlabel.text.words import among, shown


def columns_to_read(config: DataConfig, file: str) -> Callable[[list[str]], list[str]]:
    """Which columns of a table the options ask for. Raises ConfigError when they do not say what is input and label."""

    def choose(columns: list[str]) -> list[str]:
        _check_options(config, columns, file)
        annotation = annotation_columns(config, columns, file)
        chosen = [config.image_column, *annotation, config.split_column, config.group_column]
        named = [one_column(name, columns, file) for name in chosen if name is not None]
        return list(dict.fromkeys(named + features_of(columns, config, file)))

    return choose


def features_of(columns: Sequence[str], config: DataConfig, file: str) -> list[str]:
    """The feature columns, those of a trained model by name. A pattern leaves out annotation, split and group; their
    names are refused."""
    trained = settled_columns(config).features
    if not config.feature_columns and not trained:
        return []
    taken = {config.split_column, config.group_column, *annotation_columns(config, columns, file)}
    for name in (*config.feature_columns, *trained):
        if name in taken:
            raise ConfigError(
                f"{file}: column {name!r} is to be a feature and also a label, value, vote, split or group"
            )
    if trained:
        return settled_features(trained, config.feature_columns, columns, file)
    found = [name for name in matching_columns(config.feature_columns, columns, file) if name not in taken]
    if not found:
        raise DataError(f"{file}: no feature columns are left beside label, votes, split and group")
    return found


def draft_of(table: Table, config: DataConfig, path: str) -> Draft:
    """Check the columns of a table: numbers, annotation, splits and the places of image files."""
    file = os.path.basename(path)
    columns, names = table.columns, table.columns.column_names
    refusals = Refusals(file, columns.num_rows, lambda position: (file, int(table.rows[position])))
    for refusal in table.ragged:
        refusals.add_outside(refusal)
    draft = Draft(name=os.path.splitext(file)[0], refusals=refusals, sample_id=table.rows - 1, notes=list(table.notes))
    if config.split_column is not None:
        draft.split, notes = split_of(columns.column(config.split_column), config.split_column, refusals)
        draft.notes += notes
    if config.group_column is not None:
        groups = labels(columns.column(config.group_column), config.group_column, refusals, "a group")
        draft.group_column, draft.group = config.group_column, groups.dictionary_encode()
    annotate(draft, columns, config, file)
    if config.image_column is not None:
        add_images(draft, columns.column(config.image_column), config.image_column, image_root(config.image_root, path))
    else:
        draft.feature_names = features_of(names, config, file)
        draft.features = feature_table(columns, draft.feature_names, refusals)
    return draft


def image_root(given: str | None, table: str) -> Root:
    """The folder from which image paths start: the one that was given, otherwise the table's own."""
    folder = os.path.expanduser(given) if given is not None else os.path.dirname(table) or "."
    if given is not None and not os.path.isdir(folder):
        raise DataError(f"--image-root {given}: is not a folder, expected the one from which image paths start")
    return Root(folder)


def add_images(draft: Draft, column: pa.ChunkedArray, name: str, root: Root) -> None:
    """Give a draft its images: paths below a folder, bytes, or structs {bytes, path}."""
    draft.image_column = name
    draft.images, draft.subject = image_cells(column, name, root, draft.refusals)


def image_cells(column: pa.ChunkedArray, name: str, root: Root, refusals: Refusals) -> tuple[pa.ChunkedArray, Subject]:
    """Images of a table's column as structs {bytes, path}, and how to speak of each. Empty cells are refused."""
    kind = column.type
    if pa.types.is_struct(kind) and {"bytes", "path"} <= {kind.field(i).name for i in range(kind.num_fields)}:
        try:
            content = pc.struct_field(column, "bytes").cast(pa.binary())
            paths = pc.struct_field(column, "path").cast(pa.string())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise DataError(f"{refusals.name}: column {name!r} is of type {kind}, expected bytes and a path") from None
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        content, paths = column.cast(pa.binary()), pa.chunked_array([pa.nulls(len(column), pa.string())])
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        content, paths = None, column
    else:
        raise DataError(f"{refusals.name}: column {name!r} holds values of type {kind}, expected paths or image bytes")
    if content is not None and content.null_count == 0:
        return struct_column(content), lambda position: "the image "
    names = paths.to_pylist()
    if content is None:
        located = struct_column(None, images_at(names, root, name, refusals))
        return located, lambda position: f"{shown(names[position])} "
    missing = content.is_null().to_numpy()
    located = images_at(names, root, name, refusals, only=missing)
    return struct_column(
        content, located
    ), lambda position: f"{shown(names[position])} " if missing[position] else "the image "


def feature_table(columns: pa.Table, names: Sequence[str], refusals: Refusals) -> NDArray[np.float32]:
    """Numeric columns as float32 (N, D); a value that float32 cannot hold is refused like an infinite one."""
    features = np.empty((columns.num_rows, len(names)), dtype=np.float32)
    for d, name in enumerate(names):
        features[:, d] = float32_numbers(columns.column(name), name, refusals)
    return features


def split_of(column: pa.ChunkedArray, name: str, refusals: Refusals) -> tuple[NDArray[np.int8], list[str]]:
    """A column of split names as 0 (train), 1 (validation), 2 (test), and what is to be said of the names."""
    try:
        words = column.cast(pa.string()).combine_chunks().dictionary_encode()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise DataError(
            f"{refusals.name}: column {name!r} holds values of type {column.type}, expected {' or '.join(SPLIT_NAMES)}"
        ) from None
    names = [word or "" for word in words.dictionary.to_pylist()]
    known = [-1 if (part := part_named(word)) is None else part for word in names]
    codes = pc.fill_null(words.indices, len(known)).to_numpy(zero_copy_only=False)
    split: NDArray[np.int8] = np.array([*known, -1], dtype=np.int8)[codes]
    refusals.add_where(split < 0, name, _Cells(column), " or ".join(SPLIT_NAMES))
    distinct = list(dict.fromkeys(word.strip().lower() for word in names))
    alike = [[word for word in distinct if part_named(word) == part] for part in range(len(SPLIT_NAMES))]
    notes = [
        f"column {name!r}: {among(words)} are all read as {part}"
        for words, part in zip(alike, SPLIT_NAMES, strict=True)
        if len(words) > 1
    ]
    return np.maximum(split, np.int8(0)), notes + reading_notes(distinct)


def _check_options(config: DataConfig, columns: list[str], file: str) -> None:
    there = f"; the columns are {among(columns)}"
    features = config.feature_columns or settled_columns(config).features
    if (config.image_column is None) == (not features):
        problem = "both --image-column and --feature-columns are given" if config.image_column else "no input is named"
        raise ConfigError(f"{file}: {problem}, expected either --image-column NAME or --feature-columns NAMES{there}")
    check_annotation_options(config, file, there)


class _Cells:
    """The values of an Arrow column by position, as Python objects."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        self._column = column

    def __getitem__(self, position: int) -> object:
        return self._column[position].as_py()
