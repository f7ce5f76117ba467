"""Labels that a person has corrected: a table of rows, such as `softlabel review` writes, with a column to edit.

It is applied after the splits, the long tail and the noise, and to no row of the test part: the parts stay what they
were, so a run before and a run after can be compared.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from softlabel.data.config import DataConfig
from softlabel.data.reading.columns import labels, nearest, numbers, one_column
from softlabel.data.reading.tables import Table, existing_file, read_csv, read_parquet
from softlabel.data.refusals import Refusals
from softlabel.data.samples import Samples
from softlabel.data.source import Source
from softlabel.errors import ConfigError
from softlabel.text.spreadsheet import restore
from softlabel.text.words import shown

ROW, GIVEN, LABEL, PLACE = "row", "given_label", "label", "place"


def corrected(
    parts: Sequence[Samples], test: Samples, source: Source, config: DataConfig
) -> tuple[list[Samples], list[str]]:
    """The parts with the labels that the configuration's table of corrections gives them, and notes.

    parts  those whose labels may be changed, training and validation

    Raises ConfigError for a source without one class per row, DataError for a table whose rows are not those of the
    data: every row must be named once, with the label it has and one of the known classes.
    """
    if config.corrections is None:
        return list(parts), []
    if not source.annotation_kind.correctable:
        raise ConfigError(
            f"data.corrections: {source.name} has no class label per row, which is what a correction replaces"
        )
    table, file = _read(os.path.expanduser(config.corrections))
    refusals = Refusals(file, table.columns.num_rows, lambda position: (file, int(table.rows[position])))
    for refusal in table.ragged:
        refusals.add_outside(refusal)
    ids = _row_ids(table.columns, refusals)
    given, wanted = (_class_index(table.columns, name, source, refusals) for name in (GIVEN, LABEL))
    pool_ids = torch.cat([part.sample_id for part in parts]).numpy()
    pool_labels = torch.cat([part.annotation for part in parts]).numpy()
    position = _positions(ids, pool_ids, test.sample_id.numpy(), source, refusals)
    _refuse_twice(ids, refusals)
    _refuse_other_places(table.columns, ids, source, refusals)
    _refuse_other_labels(given, pool_labels[position], source, refusals)
    refused = refusals.settle(config.skip_bad)
    kept = refusals.good
    changed = int((wanted[kept] != pool_labels[position[kept]]).sum())
    pool_labels[position[kept]] = wanted[kept]
    labels, rows = (f"{count:,} {noun}{'s' * (count != 1)}" for count, noun in ((changed, "label"), (len(kept), "row")))
    notes = [f"corrections: {labels} changed by {file}, of {rows} that it names"]
    if refused:
        notes.append(f"{file}: rows left out because they cannot be used: {len(refusals):,} (first: {refused[0]})")
    new = torch.split(torch.from_numpy(pool_labels), [len(part) for part in parts])
    return [_with(part, annotation) for part, annotation in zip(parts, new, strict=True)], notes


def _with(part: Samples, annotation: Tensor) -> Samples:
    return part.annotated(annotation.clone())


def _read(path: str) -> tuple[Table, str]:
    read = {".csv": read_csv, ".parquet": read_parquet}.get(os.path.splitext(path)[1].lower())
    if read is None:
        raise ConfigError(
            f"data.corrections: {path!r} is neither a .csv nor a .parquet file, as `softlabel review` writes"
        )
    file = os.path.basename(path)
    table = read(existing_file(path, "corrections"), lambda columns: _columns(columns, file))
    if read is read_parquet:
        return table, file
    texts = {name: table.columns.column(name).to_pylist() for name in table.columns.column_names}
    restored = pa.table({name: pa.chunked_array([pa.array(map(restore, text))]) for name, text in texts.items()})
    return Table(restored, table.rows, table.ragged, table.notes), file


def _columns(columns: Sequence[str], file: str) -> list[str]:
    return [one_column(name, columns, file) for name in (ROW, GIVEN, LABEL, PLACE) if name != PLACE or name in columns]


def _row_ids(table: pa.Table, refusals: Refusals) -> NDArray[np.int64]:
    expected = "the number of a row, from 1"
    values = numbers(table.column(ROW), ROW, refusals, expected)
    refusals.add_where((values != np.floor(values)) | (np.abs(values) > 2**53), ROW, values, expected)
    ids: NDArray[np.int64] = np.where(refusals.bad, 1, values).astype(np.int64) - 1
    return ids


def _class_index(table: pa.Table, column: str, source: Source, refusals: Refusals) -> NDArray[np.int64]:
    index = {name: place for place, name in enumerate(source.class_names)}
    names = labels(table.column(column), column, refusals).to_pylist()
    found = np.array([index.get(name, -1) for name in names], dtype=np.int64)
    for position in np.flatnonzero((found < 0) & ~refusals.bad).tolist():
        hint = nearest(names[position], source.class_names).removeprefix("; ")
        refusals.add(position, column, shown(names[position]), f"a class of the data ({hint})")
    return found


def _positions(
    ids: NDArray[np.int64],
    pool_ids: NDArray[np.int64],
    test_ids: NDArray[np.int64],
    source: Source,
    refusals: Refusals,
) -> NDArray[np.int64]:
    """Where each row is among the parts; 0 for what is refused."""
    order = np.argsort(pool_ids)
    place = np.searchsorted(pool_ids, ids, sorter=order).clip(max=len(pool_ids) - 1)
    position: NDArray[np.int64] = order[place]
    outside = (pool_ids[position] != ids) & ~refusals.bad
    in_test, known = np.isin(ids, test_ids), np.isin(ids, source.samples.sample_id.numpy())
    of_training = "a row of the training or validation part"
    for row in np.flatnonzero(outside).tolist():
        number = f"{ids[row] + 1}"
        if in_test[row]:
            refusals.add(row, ROW, f"{number}, a row of the test part, whose labels stay", of_training)
        elif known[row]:
            refusals.add(row, ROW, f"{number}, a row that this run leaves out", of_training)
        else:
            refusals.add(row, ROW, f"{number}, which {source.name} does not have", of_training)
    return np.where(pool_ids[position] == ids, position, 0)


def _refuse_twice(ids: NDArray[np.int64], refusals: Refusals) -> None:
    _, first, inverse = np.unique(ids, return_index=True, return_inverse=True)
    again = (first[inverse] != np.arange(len(ids))) & ~refusals.bad
    for position in np.flatnonzero(again).tolist():
        refusals.add(position, ROW, f"{ids[position] + 1} once more", "each row once")


def _refuse_other_places(table: pa.Table, ids: NDArray[np.int64], source: Source, refusals: Refusals) -> None:
    if PLACE not in table.column_names:
        return
    for position, place in enumerate(table.column(PLACE).to_pylist()):
        if refusals.bad[position]:
            continue
        here = source.place_of(int(ids[position]))
        if place != here:
            refusals.add(position, PLACE, shown(place), f"{shown(here)}, which row {ids[position] + 1} is in the data")


def _refuse_other_labels(given: NDArray[np.int64], now: NDArray[np.int64], source: Source, refusals: Refusals) -> None:
    for position in np.flatnonzero((given != now) & ~refusals.bad).tolist():
        value, label = (shown(source.class_names[place]) for place in (given[position], now[position]))
        refusals.add(position, GIVEN, value, f"{label} as in the data (were they reviewed with other options?)")
